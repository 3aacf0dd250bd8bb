-- What is known of tenants' versions: when it was written, and what each version stands for.

ALTER TABLE tenant ADD COLUMN noted TEXT;

-- The migrations of a program's history, one a line, in their order. Every program that notes its version enters its own.
CREATE TABLE version (
    version    TEXT PRIMARY KEY,
    migrations TEXT NOT NULL
) STRICT;
