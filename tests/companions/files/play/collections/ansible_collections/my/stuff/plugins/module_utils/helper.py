def twice(s):
    return s + " " + s
