CREATE TABLE events (id serial PRIMARY KEY, member integer REFERENCES members (id), starts timestamp NOT NULL);
