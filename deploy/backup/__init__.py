"""Backup of a deployment into one file, and its way back.

The services run on meanwhile, so the parts of a backup are copied one after the other, not in one instant. That nothing
is missing is a matter of their order. Two rules make it:

1. Whatever may be handed on is copied before that to which it is handed.
2. Whoever is handed something twice takes it once.

What a device publishes goes from the broker's sessions to the journal, and from the journal to the store; and from the
broker's sessions to the alert database. Each hands on by an acknowledgement after the next has it on its disk. So:

- the broker's sessions come first. A message that is acknowledged after they are copied is delivered again after a
  restore, and stores, judges and quarantines once more what is there already. The other way round, a message
  acknowledged between the two copies would be in neither.
- then the alert database, and then the journal. What leaves the journal after its copy is in both, and is written
  again to the same place. The store first would lose what was written between the two copies.
- the store comes last of the four.
- The configuration comes after all of them: a device that was added meanwhile is known when its readings come back.

One path is a ring: what the alert service tells of an alert goes through the broker and the journal into the store.
When an alert is raised while a backup runs and the ingestor is away, the alert database may be copied after that
message and the broker's sessions before it: the restored alert is known, and the store's history lacks that entry.

The moment of a backup is when it began: before the first copy. All that the broker had acknowledged by then is in it;
of what came while it ran some is, some is not. `plan.py` holds the order, `make.py` walks along it, `restore.py` goes
back.
"""
