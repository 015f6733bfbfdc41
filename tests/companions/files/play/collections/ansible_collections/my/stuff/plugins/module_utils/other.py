from .helper import twice


def tag(s):
    return "<" + s + ">" + twice("!")
