"""Running a plan on resident slots: the coordinator that keeps it, the slots that follow it, the exchange between them."""
