// What is refused: the message, the place it points at, and the hint.
#include "fixture.h"
#include "test.h"

static struct fix f;

static void refuse(const char *text, const char *message, const char *place, const char *hint) {
    fix_open(&f);
    fix_refuse(&f, text, message, place, hint);
    fix_close(&f);
}

#define TASK(t) "- hosts: all\n  tasks:\n    - " t "\n"

TEST(err_playbook_shape) {
    refuse("", "A playbook must contain at least one play, this one is empty", "1:1", NULL);
    refuse("[]\n", "A playbook must contain at least one play, this one is empty", "1:1", NULL);
    refuse("hosts: all\n", "a playbook must be a list of plays, not dictionary", "1:1", "begin each play with \"- \"");
    refuse("- all\n", "a play must be a dictionary, not string", "1:3", NULL);
    refuse("- hosts: all\n  tasks: 5\n",
           "A malformed block was encountered while loading tasks: 5 should be a list or None", "2:10", NULL);
    refuse("- tasks: []\n", "a play needs 'hosts'", "1:3", "name the hosts or groups it runs on, such as 'hosts: all'");
    refuse("- hosts: []\n", "Hosts list cannot be empty. Please check your playbook", "1:10", NULL);
    refuse("- hosts: [a, 5]\n", "'hosts' must hold strings, not integer", "1:14", NULL);
}

TEST(err_unknown_keywords) {
    refuse("- hosts: all\n  becme: true\n", "'becme' is not a valid attribute for a Play", "2:3",
           "did you mean 'become'?");
    refuse("- hosts: all\n  when: x\n", "'when' is not a valid attribute for a Play", "2:3", NULL);
    refuse("- hosts: all\n  debug: msg=x\n", "'debug' is not a valid attribute for a Play", "2:3",
           "tasks stand under 'tasks' of a play");
    refuse("- include: x.yml\n", "'include' is not a valid attribute for a Play", "1:3",
           "playbooks are included with 'import_playbook'");
    refuse(TASK("debug: msg=x\n      whne: x"), "'whne' is not a valid attribute for a Task", "4:7",
           "did you mean 'when'?");
    refuse(TASK("debug: msg=x\n      listen: x"), "'listen' is not a valid attribute for a Task", "4:7", NULL);
    refuse(TASK("block: []\n      loop: [1]"), "'loop' is not a valid attribute for a Block", "4:7",
           "a block cannot loop; put its tasks in a file and use include_tasks with the loop");
    refuse(TASK("debug:\n      loop_control: {lable: x}"), "'lable' is not a valid attribute for loop_control", "4:22",
           "did you mean 'label'?");
}

TEST(err_modules) {
    refuse(TASK("debgu: msg=x"), "unknown module 'debgu'", "3:7", "did you mean 'debug'?");
    refuse(TASK("name: x\n      register: y"), "no module/action detected in task, only name, register", "3:7", NULL);
    refuse(TASK("debug: msg=x\n      ping:"), "conflicting action statements: debug, ping", "4:7", NULL);
    refuse(TASK("action: debug msg=x\n      ping:"), "conflicting action statements: debug, ping", "4:7", NULL);
    refuse(TASK("action: debug\n      local_action: ping"), "'action' and 'local_action' cannot be used together",
           "4:7", NULL);
    refuse(TASK("debug msg=x"), "a task must be a dictionary, not the string 'debug msg=x'", "3:7",
           "write \"- module: arguments\", with a space behind the colon");
    refuse(TASK("debug: [a]"), "arguments of 'debug' must be a dictionary or text, not list", "3:14", NULL);
    refuse(TASK("debug: hello"), "'debug' takes no free-form text, only named arguments", "3:14",
           "write name=value, or a dictionary");
    refuse(TASK("debug: msg='x"), "unbalanced quotes or template braces", "3:14", NULL);
    refuse(TASK("meta: flush_handler"), "unknown meta action 'flush_handler'", "3:13",
           "did you mean 'flush_handlers'?");
    refuse(TASK("shell: echo\n      args: {cmd: x}"), "'cmd' cannot be used together with free-form text", "4:19",
           NULL);
    refuse(TASK("debug:\n      args: x"), "'args' must be a dictionary, not string", "4:13",
           "a variable is written \"{{ name }}\"");
    refuse(TASK("import_playbook: x"), "unknown module 'import_playbook'", "3:7",
           "'import_playbook' stands in the list of plays, not among tasks");
}

TEST(err_module_arguments) {
    fix_open(&f);
    CHECK(fix_load(&f, TASK("debug: {mgs: x}")) == NULL);
    assert_int_equal(f.e.code, ERR_ARGS);
    assert_int_equal(mark_place(f.e.at).col, 15);
    assert_string_equal(f.e.hint, "did you mean 'msg'?");
    fix_close(&f);
}

TEST(err_types) {
    refuse(TASK("debug:\n      become: maybe"), "'become' must be a boolean, not 'maybe'", "4:15", NULL);
    refuse(TASK("debug:\n      retries: x"), "'retries' must be a number, not 'x'", "4:16", NULL);
    refuse(TASK("debug:\n      name: [a]"), "'name' must be a string, not list", "4:13", NULL);
    refuse(TASK("debug:\n      vars: x"), "'vars' must be a dictionary, not string", "4:13", NULL);
    refuse(TASK("debug:\n      vars: {a-b: 1}"), "'a-b' is not a valid variable name", "4:14",
           "names start with a letter or underscore and hold letters, digits and underscores");
    refuse(TASK("debug:\n      register: a-b"), "Invalid variable name in 'register' specified: 'a-b'", "4:17", NULL);
    refuse(TASK("debug:\n      tags: {a: 1}"), "'tags' must be a list or a string, not dictionary", "4:13", NULL);
    refuse(TASK("debug:\n      notify: [{a: 1}]"), "'notify' must hold strings, not dictionary", "4:16", NULL);
    refuse(TASK("debug:\n      loop_control: '{{ x }}'"),
           "'loop_control' must be a dictionary and cannot be a template itself", "4:21", NULL);
    refuse(TASK("debug:\n      loop: [1]\n      with_items: [1]"), "a task can have one loop, found 'with_items' too",
           "5:7", NULL);
    refuse(TASK("debug:\n      with_items:"), "'with_items' needs a value", "4:7", NULL);
    refuse(TASK("debug:\n      debugger: on_fail"), "'debugger' must be one of the known values, not 'on_fail'", "4:17",
           "did you mean 'on_failed'?");
    refuse("- hosts: all\n  vars_prompt: [{nam: x}]\n",
           "Invalid vars_prompt data structure, found unsupported key 'nam'", "2:18", "did you mean 'name'?");
    refuse("- hosts: all\n  vars_prompt: [{prompt: x}]\n", "Invalid vars_prompt data structure, missing 'name' key",
           "2:17", NULL);
}

TEST(err_blocks) {
    refuse(TASK("rescue: [{debug: }]"), "'rescue' needs a 'block' with tasks", "3:15", NULL);
    refuse("- hosts: all\n  handlers:\n    - block: [{block: []}]\n", "Using a block as a handler is not supported.",
           "3:15", "list its tasks as handlers with the same 'listen'");
    refuse("- hosts: all\n  handlers:\n    - import_role: {name: x}\n",
           "Using 'import_role' as a handler is not supported.", "3:7", NULL);
}

TEST(err_includes) {
    refuse(TASK("include_tasks: x.yml\n      become: true"), "'become' is not a keyword of 'include_tasks'", "4:15",
           "put it under 'apply' to give it to the tasks that are included");
    refuse(TASK("include_tasks: x.yml a=1"), "Invalid options for include_tasks: a", "3:28",
           "variables go under 'vars'");
    refuse(TASK("include_tasks:"), "'include_tasks' needs 'file'", "3:7", NULL);
    refuse(TASK("include_role: {tasks_from: x}"), "'include_role' needs 'name'", "3:7", NULL);
    refuse(TASK("include_role: {name: x, task_from: y}"), "Invalid options for include_role: task_from", "3:31",
           "did you mean 'tasks_from'?");
    refuse(TASK("include_tasks: {file: x, apply: [a]}"), "'apply' must be a dictionary, not list", "3:39", NULL);
    refuse(TASK("include_tasks: {file: x, apply: {becom: 1}}"), "'becom' is not a valid attribute for apply", "3:40",
           "did you mean 'become'?");
    refuse(TASK("import_tasks: x.yml\n      loop: [1]"), "'import_tasks' cannot be used with a loop", "4:13",
           "use 'include_tasks'");
    refuse(TASK("import_tasks: {file: x.yml, apply: {tags: a}}"), "Invalid options for import_tasks: apply", "3:42",
           "keywords of an import are inherited by its tasks already");
    refuse(TASK("import_tasks: '{{ nope }}.yml'"), "'nope' is undefined", "3:21",
           "names read while parsing can use play variables, role defaults and extra variables, not facts or inventory "
           "variables");
}

TEST(err_files) {
    fix_open(&f);
    fix_file(&f, "setup.yml", "- debug:\n");
    CHECK(fix_load(&f, TASK("import_tasks: setpu.yml")) == NULL);
    assert_int_equal(f.e.code, ERR_NOT_FOUND);
    assert_string_equal(f.e.msg, "file 'setpu.yml' was not found");
    CHECK(strncmp(f.e.hint, "did you mean 'setup.yml'?", 25) == 0);
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "t.yml", "a: b\n");
    fix_refuse(&f, TASK("import_tasks: t.yml"), "a tasks file must be a list of tasks, not dictionary", "t.yml:1:1",
               NULL);
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "t.yml", "- debug:\n- dbug:\n");
    fix_refuse(&f, TASK("import_tasks: t.yml"), "unknown module 'dbug'", "t.yml:2:3", "did you mean 'debug'?");
    fix_close(&f);

    fix_open(&f);
    CHECK(pb_load(f.l, "/nonexistent/site.yml", &f.e) == NULL);
    assert_int_equal(f.e.code, ERR_NOT_FOUND);
    fix_close(&f);
}

TEST(err_endless_imports) {
    fix_open(&f);
    fix_file(&f, "t.yml", "- import_tasks: t.yml\n- import_tasks: t.yml\n");
    fix_refuse(&f, TASK("import_tasks: t.yml"), "imports are nested more than 64 deep: this one leads to itself",
               "t.yml:1:3", NULL);
    fix_close(&f);

    fix_open(&f);
    CHECK(fix_load(&f, "- import_playbook: site.yml\n") == NULL);
    assert_int_equal(f.e.code, ERR_LIMIT);
    fix_close(&f);
}

TEST(err_roles) {
    fix_open(&f);
    fix_file(&f, "roles/nginx/tasks/main.yml", "- debug:\n");
    fix_file(&f, "roles/nginx/tasks/install.yml", "- debug:\n");
    fix_refuse(&f, "- hosts: all\n  roles:\n    - ngnix\n", "role 'ngnix' was not found", "3:7", NULL);
    CHECK(strncmp(f.e.hint, "did you mean 'nginx'?", 21) == 0);
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "roles/nginx/tasks/install.yml", "- debug:\n");
    fix_refuse(&f, TASK("import_role: {name: nginx, tasks_from: instal.yml}"),
               "role 'nginx' has no file 'tasks/instal.yml'", "3:46", "did you mean 'install.yml'?");
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "roles/a/meta/main.yml", "dependencies: [b]\n");
    fix_file(&f, "roles/b/meta/main.yml", "dependencies: [a]\n");
    fix_refuse(&f, "- hosts: all\n  roles: [a]\n", "role 'a' depends on itself through 'b'",
               "roles/b/meta/main.yml:1:16", NULL);
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "roles/a/meta/main.yml", "dependancies: []\n");
    fix_refuse(&f, "- hosts: all\n  roles: [a]\n", "unknown keyword 'dependancies' in a role's meta",
               "roles/a/meta/main.yml:1:1", "did you mean 'dependencies'?");
    fix_close(&f);

    fix_open(&f);
    fix_file(&f, "roles/a/vars/main.yml", "- x\n");
    fix_refuse(&f, "- hosts: all\n  roles: [a]\n", "'vars' of role 'a' must be a dictionary of variables, not list",
               "roles/a/vars/main.yml:1:1", NULL);
    fix_close(&f);

    refuse("- hosts: all\n  roles:\n    - {tags: x}\n", "a role needs 'role' with its name", "3:7", NULL);
    refuse("- hosts: all\n  roles: [[x]]\n", "a role must be a name or a dictionary, not list", "2:11", NULL);
}
