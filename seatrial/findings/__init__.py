"""From a plan to findings: the register of rules, their pages, looking, silencing, peers, and telling."""
