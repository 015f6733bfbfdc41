// The directory in which play keeps its executables on this machine, from the side of one that lies there.
#pragma once

/// Notes that this executable is in use and, when it was just stored, removes what is old or too much: executables not
/// used for sixty days, then those used least recently until the rest takes 64 MiB, and what starts that were cut off
/// left behind. Does nothing elsewhere than in a directory that only this user can change. Errors are not told: other
/// runs do the same at the same time.
void cache_keep(void);
