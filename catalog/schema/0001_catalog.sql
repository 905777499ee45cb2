-- The catalog's tables, in the SQL that SQLite and PostgreSQL share. SQLite
-- takes any name for a type: BIGINT and BYTEA keep numbers and bytes as they
-- are. Times are microseconds since 1970, 0 where there is none.

CREATE TABLE state (
    name   TEXT PRIMARY KEY,
    number BIGINT NOT NULL,
    word   TEXT NOT NULL
);
-- seq: the last number of the one sequence that orders all changes of
-- documents. Whoever takes a number holds this row until its commit, so that
-- numbers become visible in their order.
INSERT INTO state (name, number, word) VALUES ('seq', 0, '');
-- epoch: a random name for this life of the catalog.
INSERT INTO state (name, number, word) VALUES ('epoch', 0, '');

-- A claim is the right to one dropped file, and the job to take it in.
CREATE TABLE claims (
    id       TEXT PRIMARY KEY,
    place    TEXT NOT NULL,            -- whose disk holds the file
    folder   TEXT NOT NULL,
    path     BYTEA NOT NULL,
    held     BYTEA NOT NULL,
    mode     TEXT NOT NULL,
    dev      BIGINT NOT NULL,
    ino      BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    mtime    TEXT NOT NULL,            -- seconds.nanoseconds, compared as text
    ctime    TEXT NOT NULL,
    begun    BIGINT NOT NULL,
    receipt  TEXT NOT NULL,            -- '' until received
    scan     TEXT NOT NULL,            -- '' until received
    released BIGINT NOT NULL,
    job      BIGINT NOT NULL,          -- River's number of the job, 0 until received
    attempts BIGINT NOT NULL,          -- tries that count
    delays   BIGINT NOT NULL,          -- tries that do not
    reason   TEXT NOT NULL,            -- why the last try failed, '' where none did
    failed   BIGINT NOT NULL,          -- when that was
    next     BIGINT NOT NULL           -- when the next try is
);
CREATE INDEX claims_open ON claims (place, id) WHERE released = 0;
CREATE INDEX claims_failing ON claims (failed) WHERE released = 0 AND reason <> '';
CREATE INDEX claims_scan ON claims (scan);

-- What was taken from folders whose files stay where they are.
CREATE TABLE taken (
    place  TEXT NOT NULL,
    folder TEXT NOT NULL,
    path   BYTEA NOT NULL,
    dev    BIGINT NOT NULL,
    ino    BIGINT NOT NULL,
    size   BIGINT NOT NULL,
    mtime  TEXT NOT NULL,
    ctime  TEXT NOT NULL,
    PRIMARY KEY (place, folder, path)
);

CREATE TABLE scans (
    scan     TEXT PRIMARY KEY,
    received BIGINT NOT NULL
);

CREATE TABLE receipts (
    id       TEXT PRIMARY KEY,
    scan     TEXT NOT NULL,
    received BIGINT NOT NULL,
    body     BYTEA NOT NULL
);
CREATE INDEX receipts_scan ON receipts (scan, received, id);

-- The page ledger: readings of scans that are not through yet.
CREATE TABLE readings (
    scan   TEXT NOT NULL,
    reader TEXT NOT NULL,
    number BIGINT NOT NULL,
    body   BYTEA NOT NULL,
    PRIMARY KEY (scan, reader, number)
);

-- How many pages were read in which minute.
CREATE TABLE minutes (
    minute BIGINT PRIMARY KEY,
    pages  BIGINT NOT NULL
);

CREATE TABLE documents (
    id       TEXT PRIMARY KEY,
    scan     TEXT NOT NULL,
    revision BIGINT NOT NULL,          -- 0 until read
    seq      BIGINT,
    received BIGINT NOT NULL,
    decided  BIGINT NOT NULL,
    status   TEXT NOT NULL,
    reason   TEXT NOT NULL,
    mrn      TEXT NOT NULL,
    doc_type TEXT NOT NULL,
    doc_date TEXT NOT NULL,
    weight   BIGINT NOT NULL,          -- bytes in memory, roughly
    head     BYTEA NOT NULL
);
CREATE UNIQUE INDEX documents_seq ON documents (seq);
CREATE INDEX documents_received ON documents (received, id);
CREATE INDEX documents_status ON documents (status, received, id);
CREATE INDEX documents_mrn ON documents (mrn, received, id) WHERE mrn <> '';
CREATE INDEX documents_scan ON documents (scan);
CREATE INDEX documents_rejected ON documents (decided) WHERE status = 'rejected';

CREATE TABLE pages (
    document TEXT NOT NULL,
    number   BIGINT NOT NULL,
    state    TEXT NOT NULL,
    body     BYTEA NOT NULL,
    PRIMARY KEY (document, number)
);
CREATE INDEX pages_state ON pages (state);

-- The registry. The columns that end in _key hold what is looked up, in the
-- one form that both sides of a comparison are brought to.
CREATE TABLE patients (
    authority TEXT NOT NULL,
    mrn       TEXT NOT NULL,
    mrn_key   TEXT NOT NULL,
    dob_key   TEXT NOT NULL,
    last_key  TEXT NOT NULL,
    ssn_key   TEXT NOT NULL,
    mbi_key   TEXT NOT NULL,
    nhs_key   TEXT NOT NULL,
    phone_key TEXT NOT NULL,
    body      BYTEA NOT NULL,
    PRIMARY KEY (authority, mrn)
);
CREATE INDEX patients_mrn ON patients (mrn_key);
CREATE INDEX patients_dob ON patients (dob_key);
CREATE INDEX patients_last ON patients (last_key);
CREATE INDEX patients_ssn ON patients (ssn_key) WHERE ssn_key <> '';
CREATE INDEX patients_mbi ON patients (mbi_key) WHERE mbi_key <> '';
CREATE INDEX patients_nhs ON patients (nhs_key) WHERE nhs_key <> '';
CREATE INDEX patients_phone ON patients (phone_key) WHERE phone_key <> '';
