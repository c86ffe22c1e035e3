"""headrace on a simulated AWS: one seed is one run, in virtual time, with faults at every call."""
