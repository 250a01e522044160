"""The `baton` command, one file a group of commands; `cli` puts them together."""
