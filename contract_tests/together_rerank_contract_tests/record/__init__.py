"""Record the responses of an endpoint, and compare them with the document and the library."""
