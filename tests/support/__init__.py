"""What several test files share; product code never imports it."""
