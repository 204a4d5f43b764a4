"""The rules: one function each, by the kind of file that they look at; `pages/` has each rule's reason and examples."""
