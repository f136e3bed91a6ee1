-- What every Supabase database has and the other migrations build on: roles, the functions that read a request's token,
-- and the publication of what subscribers may be told of. On Supabase all of it is there and stays as it is; elsewhere
-- it is made here. What is made here carries a comment, so that the way back removes only that.

DO $install$
DECLARE
    wanted record;
BEGIN
    FOR wanted IN
        SELECT * FROM (VALUES
            -- Nobody signed in.
            ('anon', ''),
            -- A signed-in user, told apart from others by the token's claims.
            ('authenticated', ''),
            -- The backend.
            ('service_role', 'BYPASSRLS'),
            -- A writer of ClassConnect's results that is not the backend; a login role gets it by GRANT.
            ('classconnect_webhook', '')
        ) AS roles (name, attributes)
    LOOP
        IF to_regrole(wanted.name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT %s', wanted.name, wanted.attributes);
                -- Whoever migrates must be able to act in the role, which a superuser can in any case.
                IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
                    EXECUTE format('GRANT %I TO %I', wanted.name, current_user);
                END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                -- Roles belong to all databases of a server, and another one was faster.
                NULL;
            END;
        END IF;
        -- Everybody may enter it, unless somebody took that away.
        IF NOT has_schema_privilege(wanted.name, 'public', 'USAGE') THEN
            EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', wanted.name);
        END IF;
    END LOOP;

    IF to_regnamespace('auth') IS NULL THEN
        CREATE SCHEMA auth;
        COMMENT ON SCHEMA auth IS 'practice-server: the part of Supabase''s schema that policies use';
        GRANT USAGE ON SCHEMA auth TO anon, authenticated, service_role;
    END IF;

    -- Each request states its token's claims in the setting request.jwt.claims, for its transaction only. Older
    -- gateways state one setting per claim.
    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $function$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim.sub', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
            )::uuid
        $function$;
        COMMENT ON FUNCTION auth.uid() IS 'practice-server: the subject of the token, where it is a UUID';
    END IF;
    IF to_regprocedure('auth.role()') IS NULL THEN
        CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE AS $function$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim.role', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role'
            )
        $function$;
        COMMENT ON FUNCTION auth.role() IS 'practice-server: the role that the token was issued for';
    END IF;
    IF to_regprocedure('auth.jwt()') IS NULL THEN
        CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $function$
            SELECT coalesce(
                nullif(current_setting('request.jwt.claim', true), ''),
                nullif(current_setting('request.jwt.claims', true), '')
            )::jsonb
        $function$;
        COMMENT ON FUNCTION auth.jwt() IS 'practice-server: the claims of the token';
    END IF;

    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'supabase_realtime') THEN
        CREATE PUBLICATION supabase_realtime;
        COMMENT ON PUBLICATION supabase_realtime IS 'practice-server: the tables that subscribers are told of';
    END IF;
END
$install$;
