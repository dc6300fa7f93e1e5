"""The console: pages for a browser, below `/__admin/`, that show and change the state of a running mock."""
