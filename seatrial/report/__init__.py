"""Everything that a person or a program reads after a run. It is made from saved runs alone, and can be made again."""
