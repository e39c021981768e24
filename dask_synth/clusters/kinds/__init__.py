"""The kinds of cluster that ``--scheduler`` starts: a module each, whose name is the kind. One more is one more file.

FORM
    How it is written; a kind that takes nothing after its name is written as its name.
start(argument, resources)
    Starts the cluster; gets what stands after the colon ("" if nothing), and what the cluster shall have.
IN_THIS_PROCESS
    Whether its scheduler has no address of its own; left out, it has one.
"""
