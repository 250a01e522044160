"""What all tests share. Each part adds its fixtures as a plugin of its own."""

pytest_plugins = ["tests.shared_data", "tests.store_fixtures", "tests.diary_fixtures", "tests.cli.cli_fixtures"]
