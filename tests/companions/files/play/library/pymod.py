#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.mine import shout


def main():
    m = AnsibleModule(argument_spec=dict(text=dict(required=True), n=dict(type='int', default=1), secret=dict(no_log=True)),
                      supports_check_mode=True)
    if m.params['text'] == 'bad':
        m.fail_json(msg='bad text', rc=3)
    m.exit_json(changed=m.params['n'] > 1, said=shout(m.params['text']) * m.params['n'], check=m.check_mode,
                secret=m.params['secret'])


if __name__ == '__main__':
    main()
