"""The only truth: typed models, migrations, every write (``store``) and every read (``reads``, ``queries``)."""
