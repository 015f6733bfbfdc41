#!/usr/bin/env python3
"""generate.py DIR: writes one playbook for each pair of aspects of the language into DIR, as JSON, with ARGS files.

An aspect is a keyword, or a few that belong together, put on one and the same small play. What a pair prints is recorded
from ansible-core in pairs.expected (record.sh) and compared by run.sh.
"""
import itertools
import json
import os
import sys


class Book:
    """A play on three local hosts with one task that everything happens to, and what is around it."""

    def __init__(self):
        self.subject = {'name': 'subject', 'debug': {'msg': "{{ item | default('-') }} on {{ inventory_hostname }}"}}
        self.play = {'hosts': 'all', 'gather_facts': False, 'handlers': [
            {'name': 'first', 'debug': {'msg': 'first'}},
            {'name': 'second', 'debug': {'msg': 'second'}, 'listen': 'topic'},
            {'name': 'third', 'debug': {'msg': 'third'}, 'listen': 'topic'}]}
        self.behind = [{'name': 'behind', 'debug': {'msg': 'behind'}}]
        self.wrap = []      # functions that put the subject into something, the first one outermost
        self.files = {}
        self.args = ''


def keywords(**kw):
    def put(b):
        for key, value in kw.items():
            if key in b.subject and key in ('notify', 'tags'):
                b.subject[key] = b.subject[key] + value
            else:
                b.subject.setdefault(key, value)
    return put


def play(**kw):
    def put(b):
        b.play.update(kw)
    return put


def register(b):
    b.subject['register'] = 'reg'
    b.behind.insert(0, {'name': 'result', 'debug': {'msg': "{{ reg.changed | default('none') }} {{ reg.failed | default('none') }} "
                                                         "{{ reg.skipped | default('none') }} {{ reg.results | default([]) | length }}"}})


def until(b):
    b.subject.update({'register': 'reg', 'until': 'reg.attempts > 1', 'retries': 2, 'delay': 0})


def rescue(b):
    b.wrap.append(lambda steps: [{'name': 'block', 'block': steps,
                                  'rescue': [{'name': 'rescue', 'debug': {'msg': '{{ ansible_failed_task.name }}'}}]}])


def always(b):
    b.wrap.append(lambda steps: [{'block': steps, 'always': [{'name': 'always', 'debug': {'msg': 'always'}}]}])


def include(name, file, **kw):
    def put(b):
        def wrap(steps):
            b.files[file] = steps
            return [dict({'name': name, name: file}, **kw)]
        b.wrap.append(wrap)
    return put


def role(how, **kw):
    def put(b):
        def wrap(steps):
            b.files['roles/r/tasks/main.yml'] = steps
            b.files['roles/r/handlers/main.yml'] = [{'name': 'in role', 'debug': {'msg': 'in role'}, 'listen': 'topic'}]
            return [dict({'name': how, how: {'name': 'r'}}, **kw)]
        b.wrap.append(wrap)
    return put


def after(*steps):
    def put(b):
        b.behind = list(steps) + b.behind
    return put


def arguments(text, **kw):
    def put(b):
        b.args += ' ' + text
        keywords(**kw)(b)
    return put


H1 = "inventory_hostname == 'h1'"
ASPECTS = {
    'loop': keywords(loop=[1, 2]),
    'loop_control': keywords(loop=['a', 'b'], loop_control={'label': 'L{{ item }}', 'index_var': 'n', 'extended': True}),
    'with_dict': keywords(with_dict={'x': 1, 'y': 2}),
    'when': keywords(when="inventory_hostname != 'h2'"),
    'when_item': keywords(when='item | default(1) == 1'),
    'register': register,
    'failed': keywords(failed_when=H1),
    'failed_all': keywords(failed_when='true'),
    'ignored': keywords(failed_when=H1, ignore_errors=True),
    'notify': keywords(changed_when=True, notify=['first']),
    'listen': keywords(changed_when=True, notify=['topic']),
    'until': until,
    'run_once': keywords(run_once=True),
    'delegate': keywords(delegate_to='h3'),
    'tags': arguments('--tags x', tags=['x']),
    'skip_tags': arguments('--skip-tags x', tags=['x']),
    'rescue': rescue,
    'always': always,
    'include': include('include_tasks', 'included.yml'),
    'include_loop': include('include_tasks', 'part.yml', loop=['one', 'two'], loop_control={'loop_var': 'part'}),
    'import': include('import_tasks', 'imported.yml', when="inventory_hostname != 'h3'"),
    'include_role': role('include_role'),
    'import_role': role('import_role', tags=['x']),
    'no_log': keywords(no_log=True),
    'any_errors_fatal': play(any_errors_fatal=True),
    'serial': play(serial=[1, 2]),
    'max_fail': play(max_fail_percentage=40),
    'force_handlers': play(force_handlers=True),
    'flush': after({'meta': 'flush_handlers'}),
    'end_host': after({'meta': 'end_host', 'when': "inventory_hostname == 'h2'"}),
    'order': play(order='reverse_sorted'),
}


def build(names):
    b = Book()
    for name in names:
        ASPECTS[name](b)
    steps = [b.subject]
    for wrap in reversed(b.wrap):
        steps = wrap(steps)
    b.play['tasks'] = steps + b.behind
    b.files['play.yml'] = [b.play]
    return b


def main():
    top = sys.argv[1]
    for pair in itertools.combinations(ASPECTS, 2):
        if pair in (('include_role', 'import_role'), ('loop', 'with_dict'), ('loop_control', 'with_dict')):
            continue  # a role in itself, two loops on a task
        b = build(pair)
        where = os.path.join(top, '-'.join(pair))
        for file, content in b.files.items():
            path = os.path.join(where, file)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as f:
                json.dump(content, f, indent=1)
        with open(os.path.join(where, 'ARGS'), 'w', encoding='utf-8') as f:
            f.write(b.args.strip() + '\n')


main()
