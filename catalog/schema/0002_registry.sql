-- The registry, with as many names and numbers for a patient as there are.
-- "patients" held one of each; what it holds is carried over when the catalog
-- is opened, and it stays empty after that.
DROP INDEX patients_mrn;
DROP INDEX patients_dob;
DROP INDEX patients_last;
DROP INDEX patients_ssn;
DROP INDEX patients_mbi;
DROP INDEX patients_nhs;
DROP INDEX patients_phone;

CREATE TABLE registry (
    id        INTEGER PRIMARY KEY,
    authority TEXT NOT NULL,
    mrn       TEXT NOT NULL,
    merged    BIGINT NOT NULL,         -- 1 where the body names whom it was merged into
    root      BIGINT NOT NULL,         -- the patient at the end of that, 0 where there is none
    changed   BIGINT NOT NULL,         -- the import that changed it last
    body      BYTEA NOT NULL
);
CREATE UNIQUE INDEX registry_mrn ON registry (mrn, authority);
CREATE INDEX registry_changed ON registry (changed);
CREATE INDEX registry_merged ON registry (merged) WHERE merged <> 0;
CREATE INDEX registry_root ON registry (root) WHERE root <> 0;
CREATE INDEX registry_shown ON registry (mrn) WHERE root <> 0;

-- What a patient is looked up by: each key is the hash of a kind of fact and
-- of its one form that both sides of a comparison are brought to (key.go).
CREATE TABLE registry_keys (
    key     BIGINT NOT NULL,
    patient INTEGER NOT NULL
);
CREATE INDEX registry_keys_key ON registry_keys (key, patient);

-- Imports of the registry: those that are not over, and the last that is. An
-- import that is not over and whose beat has stopped broke off half-way.
CREATE TABLE imports (
    id      BIGINT PRIMARY KEY,        -- when it began, and always more than the one before
    place   TEXT NOT NULL,             -- who imports
    opening TEXT NOT NULL,             -- a digest of how the file begins
    changes BIGINT NOT NULL,           -- how far it is
    beat    BIGINT NOT NULL,
    ended   BIGINT NOT NULL            -- 0 while it is not over
);
-- registry: the last import that is over; ids: the last id given; stored: the
-- last import that the store has.
INSERT INTO state (name, number, word) VALUES ('registry', 0, '');
INSERT INTO state (name, number, word) VALUES ('registry ids', 0, '');
INSERT INTO state (name, number, word) VALUES ('registry stored', 0, '');

-- What documents that wait for a person would be looked up by, and those of
-- them that must be matched again because the registry has changed.
CREATE TABLE document_keys (
    key      BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX document_keys_key ON document_keys (key, document);
CREATE INDEX document_keys_document ON document_keys (document);
CREATE TABLE rematch (
    document TEXT PRIMARY KEY
);
