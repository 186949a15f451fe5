"""The `slimstream` command: joins the commands of every part."""
