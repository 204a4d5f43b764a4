"""The probe: an open-loop sampler of the client's view, in a process of its own, and the ledger's writers beside it."""
