"""A shell for people: prompt with history and completion, tables that fit, errors with the place underlined."""
