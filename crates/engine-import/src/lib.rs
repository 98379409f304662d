//! Other formats to specs: OpenAPI, curl, Postman, HAR.
