"""Many workers on one PostgreSQL store: who does what when is Procrastinate's, the work is ours."""
