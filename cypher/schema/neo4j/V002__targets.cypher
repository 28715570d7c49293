// A target is known by its id.
CREATE CONSTRAINT valuetarget_id IF NOT EXISTS FOR (n:ValueTarget) REQUIRE n.id IS UNIQUE;
