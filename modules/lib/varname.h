// Which names a variable may have.
#pragma once
#include "str.h"

/// True for an ASCII identifier that is no Python keyword, as Ansible's isidentifier.
bool var_name_ok(struct str name);
