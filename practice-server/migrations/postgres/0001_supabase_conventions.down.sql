-- Removes what the way here made, told by its comments. The roles stay: they belong to all databases of the server.

DO $remove$
DECLARE
    ours CONSTANT text := 'practice-server:%';
    function_name text;
BEGIN
    IF (SELECT obj_description(oid, 'pg_publication') LIKE ours FROM pg_publication WHERE pubname = 'supabase_realtime') THEN
        DROP PUBLICATION supabase_realtime;
    END IF;
    FOREACH function_name IN ARRAY ARRAY ['auth.jwt()', 'auth.role()', 'auth.uid()'] LOOP
        IF obj_description(to_regprocedure(function_name), 'pg_proc') LIKE ours THEN
            EXECUTE format('DROP FUNCTION %s', function_name);
        END IF;
    END LOOP;
    IF obj_description(to_regnamespace('auth'), 'pg_namespace') LIKE ours THEN
        DROP SCHEMA auth;
    END IF;
END
$remove$;
