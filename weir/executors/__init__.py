"""What runs jobs: one file for each kind of resource manager, all behind one contract."""
