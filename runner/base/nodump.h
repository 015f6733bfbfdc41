// Keeps what a process knows out of core dumps and away from other processes of the same user.
#pragma once

/// No core dump, no ptrace, no /proc/PID/mem and environ for others. Programs that are started by this one are as they
/// always are. Called first in main. The sanitizers' builds leave it out: their leak check traces the process.
void nodump(void);
