#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.my.stuff.plugins.module_utils.helper import twice
from ..module_utils.other import tag


def main():
    m = AnsibleModule(argument_spec=dict(word=dict(type='str')))
    m.exit_json(word=tag(twice(m.params['word'])))


if __name__ == '__main__':
    main()
