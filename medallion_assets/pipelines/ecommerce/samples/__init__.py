"""Samples: months of a shop's clicks in the layout of the REES46 data set, seeded, of any size."""
