"""Running a plan on resident slots: a coordinator that keeps it, slots that follow it, the exchange between them."""
