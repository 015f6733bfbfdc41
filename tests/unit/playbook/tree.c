// What playbooks become: trees, and who inherits what.
#include "fixture.h"
#include "test.h"

static struct fix f;

static void expect(const char *text, const char *tree) {
    fix_open(&f);
    fix_expect(&f, text, tree);
    fix_close(&f);
}

TEST(tree_play_with_tasks) {
    expect("- name: Web\n"
           "  hosts: web\n"
           "  become: true\n"
           "  tags: a, b\n"
           "  tasks:\n"
           "    - name: Say\n"
           "      debug: msg=hi\n"
           "      when: x\n"
           "    - command: echo a=b chdir=/tmp\n"
           "      args:\n"
           "        creates: /x\n",
           "play 'Web' hosts='web' become=True tags=['a', 'b']\n"
           "    task 'Say' debug {'msg': 'hi'} when='x'\n"
           "    task command {'creates': '/x', 'chdir': '/tmp', '_raw_params': 'echo a=b'}\n");
}

TEST(tree_blocks) {
    expect("- hosts: all\n"
           "  tasks:\n"
           "    - name: B\n"
           "      block:\n"
           "        - debug:\n"
           "        - block: [{ping: }]\n"
           "      rescue:\n"
           "        - fail: msg=x\n"
           "      always:\n"
           "        - meta: flush_handlers\n"
           "      vars: {v: 1}\n",
           "play hosts='all'\n"
           "    block 'B' vars={'v': 1}\n"
           "      task debug {}\n"
           "      block\n"
           "        task ping {}\n"
           "    rescue:\n"
           "      task fail {'msg': 'x'}\n"
           "    always:\n"
           "      meta meta {'_raw_params': 'flush_handlers'}\n");
}

TEST(tree_action_forms) {
    expect("- hosts: all\n"
           "  tasks:\n"
           "    - action: debug msg=\"a b\"\n"
           "    - action: {module: debug, msg: x}\n"
           "    - action: {module: 'debug msg=k', args: {verbosity: 2}}\n"
           "    - local_action: command echo hi\n"
           "    - ansible.builtin.debug: {msg: x}\n"
           "    - ansible.legacy.command: echo\n"
           "    - shell: {cmd: ls, chdir: /}\n"
           "    - debug: '{{ opts }}'\n"
           "    - debug: msg=1\n"
           "      args: '{{ opts }}'\n"
           "    - action: '{{ pkg }} name=x'\n"
           "    - set_fact: {'{{ k }}': 1, b: 2}\n",
           "play hosts='all'\n"
           "    task debug {'msg': 'a b'}\n"
           "    task debug {'msg': 'x'}\n"
           "    task debug {'msg': 'k', 'verbosity': 2}\n"
           "    task command {'_raw_params': 'echo hi'} delegate_to='localhost'\n"
           "    task debug {'msg': 'x'}\n"
           "    task command {'_raw_params': 'echo'}\n"
           "    task shell {'chdir': '/', '_raw_params': 'ls'}\n"
           "    task debug {'_variable_params': '{{ opts }}'}\n"
           "    task debug {'_variable_params': '{{ opts }}', 'msg': '1'}\n"
           "    unknown {{ pkg }} {'name': 'x'}\n"
           "    task set_fact {'b': 2, '_dynamic': [{'key': '{{ k }}', 'value': 1}]}\n");
}

TEST(tree_loops_and_handlers) {
    expect("- hosts: all\n"
           "  tasks:\n"
           "    - debug: var=item\n"
           "      loop: [1, 2]\n"
           "      loop_control: {loop_var: x, label: '{{ x }}'}\n"
           "      notify: restart\n"
           "    - debug: var=item\n"
           "      with_items: '{{ l }}'\n"
           "      register: out\n"
           "  handlers:\n"
           "    - name: restart\n"
           "      debug: msg=r\n"
           "      listen: [a, b]\n",
           "play hosts='all'\n"
           "    task debug {'var': 'item'} loop()=[1, 2] notify='restart' loop=[1, 2]\n"
           "    task debug {'var': 'item'} loop(items)='{{ l }}' register='out'\n"
           "  handler 'restart' debug {'msg': 'r'} listen=['a', 'b']\n");
}

TEST(tree_import_tasks_keeps_keywords_on_a_block) {
    fix_open(&f);
    fix_file(&f, "sub/one.yml", "- debug: msg=1\n- import_tasks: two.yml\n  tags: t2\n");
    fix_file(&f, "sub/two.yml", "- debug: msg=2\n");
    fix_expect(&f,
               "- hosts: all\n"
               "  vars: {d: sub}\n"
               "  tasks:\n"
               "    - import_tasks: '{{ d }}/{{ n }}.yml'\n"
               "      when: w\n"
               "      become: true\n"
               "      vars: {n: one}\n",
               "play hosts='all' vars={'d': 'sub'}\n"
               "    (block) vars={'n': 'one'} become=True when='w'\n"
               "      task debug {'msg': '1'}\n"
               "      (block) tags=['t2']\n"
               "        task debug {'msg': '2'}\n");
    const struct playbook *pb = pb_load(f.l, arena_printf(&f.a, "%s/site.yml", f.dir), &f.e);
    const struct block *outer = pb->plays[0]->tasks.p[0].u.block;
    const struct task *deep = outer->body.p[1].u.block->body.p[0].u.task;
    CHECK(val_truth(node_kw(&deep->n, KW_BECOME)));
    CHECK_STR(val_str_of(&f.a, node_whens(&deep->n, &f.a)), "['w']");
    CHECK_STR(val_str_of(&f.a, node_tags(&deep->n, &f.a)), "['t2']");
    CHECK_STR(val_str_of(&f.a, node_vars(&deep->n, &f.a)), "{'n': 'one'}");
    fix_close(&f);
}

TEST(tree_import_in_handlers) {
    fix_open(&f);
    fix_file(&f, "h.yml", "- name: h1\n  debug:\n- name: h2\n  debug:\n");
    fix_expect(&f,
               "- hosts: all\n"
               "  handlers:\n"
               "    - import_tasks: h.yml\n"
               "      become: true\n"
               "    - include_tasks: h.yml\n",
               "play hosts='all'\n"
               "  handler 'h1' debug {}\n"
               "  handler 'h2' debug {}\n"
               "  handler include_tasks {'_raw_params': 'h.yml'}\n");
    fix_close(&f);
}

TEST(tree_legacy_include) {
    fix_open(&f);
    fix_file(&f, "t.yml", "- debug: msg=1\n");
    fix_expect(&f,
               "- hosts: all\n"
               "  tasks:\n"
               "    - include: t.yml a=1\n"
               "    - include: '{{ x }}.yml'\n",
               "play hosts='all'\n"
               "    (block) vars={'a': '1'}\n"
               "      task debug {'msg': '1'}\n"
               "    include_tasks include_tasks {'_raw_params': '{{ x }}.yml'}\n");
    CHECK(str_find(buf_view(&f.warned), 0, STR_LIT("deprecated")) != SIZE_MAX);
    fix_close(&f);
}

// Recorded with ansible-core 2.14: a block's environment reaches what an include_tasks inside it includes; no_log,
// ignore_errors, when and tags of the include do not; its vars and what `apply` says do. An import passes on all.
TEST(tree_dynamic_include_inherits) {
    fix_open(&f);
    fix_file(&f, "inc.yml", "- name: inner\n  debug: msg=1\n  when: w3\n  environment: {E: 3}\n");
    struct playbook *pb = fix_load(&f, "- hosts: all\n"
                                       "  environment: {P: 0}\n"
                                       "  tasks:\n"
                                       "    - block:\n"
                                       "        - name: inc\n"
                                       "          include_tasks: {file: inc.yml, apply: {tags: ta, become: true}}\n"
                                       "          no_log: true\n"
                                       "          ignore_errors: true\n"
                                       "          when: w2\n"
                                       "          tags: t2\n"
                                       "          vars: {v: 2, u: 2}\n"
                                       "      environment: {E: 1}\n"
                                       "      when: w1\n"
                                       "      tags: t1\n"
                                       "      vars: {v: 1, o: 1}\n");
    if (!pb) {
        fail_msg("%.*s", STR(err_text(&f.e)));
        return;
    }
    struct play *p = pb->plays[0];
    struct task *by = fix_task(&p->tasks, "inc");
    struct block *b = pb_load_tasks(f.l, p, by, STR_LIT("inc.yml"), false, &f.e);
    CHECK(b != NULL);
    const struct task *t = fix_task(&b->body, "inner");
    CHECK_STR(val_str_of(&f.a, node_whens(&t->n, &f.a)), "['w1', 'w3']");
    CHECK_STR(val_str_of(&f.a, node_tags(&t->n, &f.a)), "['ta', 't1']");
    CHECK_STR(val_str_of(&f.a, node_environments(&t->n, &f.a)), "[{'P': 0}, {'E': 1}, {'E': 3}]");
    CHECK_STR(val_str_of(&f.a, node_vars(&t->n, &f.a)), "{'v': 2, 'u': 2, 'o': 1}");
    CHECK_STR(val_str_of(&f.a, node_include_params(&t->n, &f.a)), "{'v': 2, 'u': 2}");
    CHECK(node_kw(&t->n, KW_NO_LOG).kind == VAL_UNDEF);
    CHECK(node_kw(&t->n, KW_IGNORE_ERRORS).kind == VAL_UNDEF);
    CHECK(val_truth(node_kw(&t->n, KW_BECOME)));
    CHECK(node_include(&t->n) == by);
    CHECK(val_truth(node_kw(&by->n, KW_NO_LOG)));
    CHECK_STR(val_str_of(&f.a, node_tags(&by->n, &f.a)), "['t2', 't1']");
    CHECK(t->id > by->id);
    fix_close(&f);
}

TEST(tree_include_beside_including_file) {
    fix_open(&f);
    fix_file(&f, "sub/a.yml", "- name: second\n  include_tasks: b.yml\n");
    fix_file(&f, "sub/b.yml", "- debug: msg=sub\n");
    struct playbook *pb = fix_load(&f, "- hosts: all\n  tasks:\n    - name: first\n      include_tasks: sub/a.yml\n");
    struct play *p = pb->plays[0];
    struct block *b = pb_load_tasks(f.l, p, fix_task(&p->tasks, "first"), STR_LIT("sub/a.yml"), false, &f.e);
    b = pb_load_tasks(f.l, p, fix_task(&b->body, "second"), STR_LIT("b.yml"), false, &f.e);
    CHECK(b != NULL);
    CHECK_STR(fix_dump_block(&f, b), "(block)\n  task debug {'msg': 'sub'}\n");
    fix_close(&f);
}

// -- roles -----------------------------------------------------------------------------------------------------------
static void two_roles(void) {
    fix_open(&f);
    fix_file(&f, "roles/app/tasks/main.yml", "- import_tasks: more.yml\n- debug: msg=app\n  notify: h\n");
    fix_file(&f, "roles/app/tasks/more.yml", "- debug: msg=more\n");
    fix_file(&f, "roles/app/tasks/other.yml", "- name: other\n  include_tasks: more.yml\n");
    fix_file(&f, "roles/app/handlers/main.yml", "- name: h\n  debug: msg=handler\n");
    fix_file(&f, "roles/app/defaults/main.yml", "d: 1\n");
    fix_file(&f, "roles/app/vars/main/b.yml", "v: 2\n");
    fix_file(&f, "roles/app/vars/main/a.yml", "v: 1\nw: 1\n");
    fix_file(&f, "roles/app/meta/main.yml", "dependencies:\n  - {role: base, when: dep, port_no: 8}\n");
    fix_file(&f, "roles/base/tasks/main.yaml", "- debug: msg=base\n");
}

TEST(tree_roles_with_dependencies) {
    two_roles();
    fix_expect(&f,
               "- hosts: all\n"
               "  roles:\n"
               "    - {role: app, tags: t, when: w, color: red}\n",
               "play hosts='all'\n"
               "  roles:\n"
               "    (block) role app when='w' tags=['t']\n"
               "      (block) role base when='dep'\n"
               "        task debug {'msg': 'base'}\n"
               "      (block) role app when='w' tags=['t']\n"
               "        task debug {'msg': 'more'}\n"
               "      task debug {'msg': 'app'} notify='h'\n"
               "    handler 'h' debug {'msg': 'handler'}\n");
    const struct playbook *pb = pb_load(f.l, arena_printf(&f.a, "%s/site.yml", f.dir), &f.e);
    const struct role *r = pb->plays[0]->roles[0];
    CHECK_STR(val_str_of(&f.a, r->params), "{'color': 'red'}");
    CHECK_STR(val_str_of(&f.a, r->defaults), "{'d': 1}");
    CHECK_STR(val_str_of(&f.a, r->vars), "{'v': 2, 'w': 1}");
    CHECK(r->is_public && r->deps[0]->is_public && r->deps[0]->parent == r);
    CHECK_STR(val_str_of(&f.a, r->deps[0]->params), "{'port_no': 8}");
    const struct task *base = r->deps[0]->tasks.p[0].u.task;
    CHECK_STR(val_str_of(&f.a, node_whens(&base->n, &f.a)), "['w', 'dep']");
    CHECK_STR(val_str_of(&f.a, node_tags(&base->n, &f.a)), "['t']");
    fix_close(&f);
}

TEST(tree_same_role_twice) {
    two_roles();
    struct playbook *pb = fix_load(&f, "- hosts: all\n"
                                       "  roles: [app, app, {role: app, x: 1}, {role: base}]\n"
                                       "- hosts: all\n"
                                       "  roles: [app]\n");
    struct role **r = pb->plays[0]->roles;
    CHECK(r[0]->same == r[0] && r[1]->same == r[0] && r[2]->same == r[2]);
    CHECK(r[3]->same == r[3]);
    CHECK(pb->plays[1]->roles[0]->same == pb->plays[1]->roles[0]);
    fix_close(&f);
}

TEST(tree_import_role) {
    two_roles();
    fix_expect(&f,
               "- hosts: all\n"
               "  tasks:\n"
               "    - import_role: {name: app, tasks_from: other}\n"
               "      become: true\n"
               "      vars: {z: 1}\n",
               "play hosts='all'\n"
               "    (block) vars={'z': 1} become=True\n"
               "      (block) role app vars={'z': 1}\n"
               "        (block) role base when='dep'\n"
               "          task debug {'msg': 'base'}\n"
               "        include_tasks 'other' include_tasks {'_raw_params': 'more.yml'}\n");
    const struct playbook *pb = pb_load(f.l, arena_printf(&f.a, "%s/site.yml", f.dir), &f.e);
    struct play *p = pb->plays[0];
    assert_int_equal(p->nimported, 1);
    CHECK(p->imported[0]->is_public && p->imported[0]->nhandlers == 1 && p->imported[0]->allow_duplicates);
    struct task *other = fix_task(&p->tasks, "other");
    CHECK(val_truth(node_kw(&other->n, KW_BECOME)));
    struct block *b = pb_load_tasks(f.l, p, other, STR_LIT("more.yml"), false, &f.e);
    CHECK(b && b->body.p[0].u.task->n.role == p->imported[0]);
    fix_close(&f);
}

TEST(tree_include_role_at_run_time) {
    two_roles();
    struct playbook *pb = fix_load(&f, "- hosts: all\n"
                                       "  tasks:\n"
                                       "    - name: inc\n"
                                       "      include_role:\n"
                                       "        name: '{{ r }}'\n"
                                       "        public: yes\n"
                                       "        apply: {tags: ta}\n"
                                       "      tags: t1\n"
                                       "      vars: {z: 1}\n");
    struct play *p = pb->plays[0];
    struct task *by = fix_task(&p->tasks, "inc");
    struct val args = val_copy(&f.a, by->args);
    val_set(&f.a, args, "name", val_z(&f.a, "app"));
    struct role *r;
    struct block *b = pb_load_role(f.l, p, by, args, &r, &f.e);
    CHECK(b != NULL);
    CHECK_STR(fix_dump_block(&f, b), "(block) tags=['ta']\n"
                                     "  (block) role app\n"
                                     "    (block) role base when='dep'\n"
                                     "      task debug {'msg': 'base'}\n"
                                     "    (block) role app\n"
                                     "      task debug {'msg': 'more'}\n"
                                     "    task debug {'msg': 'app'} notify='h'\n");
    CHECK(r->is_public && r->included);
    CHECK_STR(val_str_of(&f.a, r->params), "{'z': 1}");
    const struct task *t = r->tasks.p[1].u.task;
    CHECK_STR(val_str_of(&f.a, node_tags(&t->n, &f.a)), "['ta']");
    val_set(&f.a, args, "name", val_z(&f.a, "apq"));
    CHECK(pb_load_role(f.l, p, by, args, &r, &f.e) == NULL);
    assert_int_equal(f.e.cause->code, ERR_NOT_FOUND);
    fix_close(&f);
}

TEST(tree_role_of_a_collection) {
    fix_open(&f);
    fix_file(&f, "collections/ansible_collections/acme/web/roles/nginx/tasks/main.yml", "- debug: msg=n\n");
    fix_expect(&f,
               "- hosts: all\n"
               "  collections: [acme.web]\n"
               "  roles: [acme.web.nginx, nginx]\n",
               "play hosts='all'\n"
               "  roles:\n"
               "    (block) role acme.web.nginx\n"
               "      task debug {'msg': 'n'}\n"
               "    (block) role acme.web.nginx\n"
               "      task debug {'msg': 'n'}\n");
    fix_close(&f);
}

TEST(tree_role_finds_its_collection) {
    fix_open(&f);
    fix_file(&f, "collections/ansible_collections/acme/web/roles/a/tasks/main.yml", "- import_role: {name: b}\n");
    fix_file(&f, "collections/ansible_collections/acme/web/roles/a/meta/main.yml", "dependencies: [c]\n");
    fix_file(&f, "collections/ansible_collections/acme/web/roles/b/tasks/main.yml", "- debug: msg=b\n");
    fix_file(&f, "collections/ansible_collections/acme/web/roles/c/tasks/main.yml", "- debug: msg=c\n");
    fix_expect(&f,
               "- hosts: all\n"
               "  roles: [acme.web.a]\n",
               "play hosts='all'\n"
               "  roles:\n"
               "    (block) role acme.web.a\n"
               "      (block) role acme.web.c\n"
               "        task debug {'msg': 'c'}\n"
               "      (block) role acme.web.a\n"
               "        (block) role acme.web.b\n"
               "          task debug {'msg': 'b'}\n");
    fix_close(&f);
}

TEST(tree_import_playbook) {
    fix_open(&f);
    fix_file(&f, "sub/p.yml",
             "- hosts: web\n  vars: {a: 1, b: 1}\n  tags: x\n  tasks: [{name: t, debug: , when: w2}]\n"
             "- import_playbook: q.yml\n  when: w3\n");
    fix_file(&f, "sub/q.yml", "- hosts: db\n  vars_files: f.yml\n  tasks: [{import_tasks: '{{ file }}'}]\n");
    fix_file(&f, "sub/f.yml", "file: k.yml\n");
    fix_file(&f, "sub/k.yml", "- debug:\n");
    fix_expect(&f,
               "- import_playbook: sub/p.yml\n"
               "  vars: {b: 2}\n"
               "  tags: y\n"
               "  when: w1\n",
               "play hosts='web' vars={'a': 1, 'b': 2} when=['w1'] tags=['x', 'y']\n"
               "    task 't' debug {} when='w2'\n"
               "play hosts='db' vars={'b': 2} when=['w1', 'w3'] tags=['y']\n"
               "    (block)\n"
               "      task debug {}\n");
    const struct playbook *pb = pb_load(f.l, arena_printf(&f.a, "%s/site.yml", f.dir), &f.e);
    const struct task *t = fix_task(&pb->plays[0]->tasks, "t");
    CHECK_STR(val_str_of(&f.a, node_whens(&t->n, &f.a)), "['w1', 'w2']");
    CHECK(str_ends(pb->plays[0]->book->file, "/sub/p.yml"));
    CHECK(str_eqz(pb->plays[0]->book->basedir, f.dir));
    fix_close(&f);
}

TEST(tree_unknown_module_behind_when) {
    fix_open(&f);
    fix_expect(&f,
               "- hosts: all\n"
               "  tasks:\n"
               "    - acme.web.thing: {a: 1}\n"
               "      when: false\n",
               "play hosts='all'\n"
               "    unknown acme.web.thing {'a': 1} when=False\n");
    CHECK(str_find(buf_view(&f.warned), 0, STR_LIT("acme.web.thing")) != SIZE_MAX);
    fix_close(&f);
}

/// The only task of a play, loaded into `f` anew; NULL when it is refused. The caller closes `f`.
static const struct task *only_task(const char *task) {
    fix_open(&f);
    fix_file(&f, "library/shipped.py", "");
    struct playbook *pb = fix_load(&f, arena_printf(&f.a, "- hosts: all\n  tasks:\n    - name: t\n      %s\n", task));
    return pb ? fix_task(&pb->plays[0]->tasks, "t") : NULL;
}

TEST(tree_modules_elsewhere) {
    static const struct {
        const char *task;
        bool known;
    } cases[] = {{"acme.web.thing: {a: 1}", false},  // nothing of acme.web is built in or on disk
                 {"community.general.pkgng: {a: 1}", true},
                 {"pkgng: a=1", true},
                 {"zypper:", true},
                 {"shipped: {a: 1}", true},
                 {"ansible.builtin.shipped: {a: 1}", false},
                 {"ansible.builtin.zypper: {a: 1}", true},
                 {"debgu: {a: 1}", false},
                 {"debgu:", false}};
    for (size_t i = 0; i < COUNTOF(cases); i++) {
        const struct task *t = only_task(cases[i].task);
        CHECK((t && t->kind == TASK_UNKNOWN && t->elsewhere) == cases[i].known);
        fix_close(&f);
    }
    const struct task *t = only_task("debgu: {a: 1}\n      when: x");
    CHECK(t && !t->elsewhere && str_find(buf_view(&f.warned), 0, STR_LIT("debgu")) != SIZE_MAX);
    fix_close(&f);
}

TEST(tree_wrong_arguments_that_may_not_matter) {
    static const char *const excuses[] = {"debug: {mgs: x}\n      when: x",
                                          "debug: {mgs: x}\n      ignore_errors: true",
                                          "debug: {mgs: x}\n      failed_when: false"};
    for (size_t i = 0; i < COUNTOF(excuses); i++) {
        CHECK(only_task(excuses[i]) != NULL);
        fix_close(&f);
    }
    CHECK(only_task("debug: {mgs: x}\n      ignore_errors: false") == NULL);
    fix_close(&f);
    fix_open(&f);
    CHECK(fix_load(&f, "- hosts: all\n  tasks:\n    - {block: [{debug: {mgs: x}}], rescue: [{debug: }]}\n") != NULL);
    fix_close(&f);
}

TEST(tree_bind_action) {
    fix_open(&f);
    struct playbook *pb = fix_load(&f, "- hosts: all\n  tasks:\n    - {name: t, action: '{{ m }} msg=x'}\n");
    struct task *t = fix_task(&pb->plays[0]->tasks, "t");
    CHECK(t->kind == TASK_UNKNOWN && (t->action_raw.flags & VAL_TMPL));
    struct task *bound = pb_bind_action(f.l, t, STR_LIT("debug"), &f.e);
    CHECK(bound && bound->kind == TASK_MODULE && bound->module == module_find(STR_LIT("debug")));
    CHECK(pb_bind_action(f.l, t, STR_LIT("ping"), &f.e) == NULL);  // it has no msg
    fix_close(&f);
}

TEST(tree_secret_and_unsafe_texts_stay_so) {
    fix_open(&f);
    struct playbook *pb = fix_load(&f, "- hosts: all\n  tasks:\n    - {name: t, debug: !unsafe 'msg={{x}}'}\n");
    const struct task *t = fix_task(&pb->plays[0]->tasks, "t");
    CHECK(!(val_get(t->args, "msg").flags & VAL_TMPL));
    CHECK(!(t->args.flags & VAL_TMPL));
    fix_close(&f);
}
