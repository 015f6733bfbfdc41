// Agent forwarding: channels that a host opens back to us, joined to the local ssh agent. In the shard's thread.
#pragma once
#include "hub.h"

struct relay {
    struct arena arena;
    struct relay *next;
    struct conn *conn;  // NULL once gone
    ssh_channel channel;
    struct watch sock;
    struct buf to_agent, to_host;
};
/// Accepts agent channels of this session from now on.
void relay_listen(struct conn *c);
/// Moves bytes of all relays; true when something moved.
bool relay_work(struct conn *c);
/// Ends all of them.
void relay_close_all(struct conn *c);
/// Frees those that ended; called when no event can name them any more.
void relay_bury(struct shard *s);
