-- Keys of an import that are not among the others yet. They are gathered here
-- in the order in which they come and go over in the order of the index: put
-- one by one into an index of millions, each would change another page of it.
CREATE TABLE registry_fresh (
    key     BIGINT NOT NULL,
    patient INTEGER NOT NULL
);
