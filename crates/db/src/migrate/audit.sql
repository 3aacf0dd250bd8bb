-- What in the schema of shared tables would not keep tenants apart: for each thing its fault, its name, and the statement
-- that mends it. $1 is the role that serves, $2 the one that owns, $3 the expression of every policy.
WITH shared AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relrowsecurity, c.relforcerowsecurity,
        format('%I.%I', n.nspname, c.relname) AS name,
        (SELECT attnum FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id' AND NOT attisdropped) AS tenant
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname = 'tenantry_shared' AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
), tables AS (
    SELECT * FROM shared
    WHERE relkind IN ('r', 'p') AND tenant IS NOT NULL AND relname NOT IN ('tenantry_migration', 'tenantry_tenant')
), policies AS (
    SELECT t.oid, t.name, p.polname, p.polcmd, p.polroles,
        pg_get_expr(p.polqual, p.polrelid) AS shows, pg_get_expr(p.polwithcheck, p.polrelid) AS takes
    FROM tables AS t JOIN pg_policy AS p ON p.polrelid = t.oid WHERE p.polpermissive
), granted AS (
    SELECT s.name AS thing, '' AS before, g.grantee, g.privilege_type AS privilege, CASE s.relname
        WHEN 'tenantry_tenant' THEN '{}' WHEN 'tenantry_migration' THEN '{SELECT}'
        ELSE '{SELECT,INSERT,UPDATE,DELETE}' END::text[] AS allowed
    FROM shared AS s CROSS JOIN LATERAL (SELECT * FROM aclexplode(s.relacl) UNION SELECT own.*
        FROM pg_attribute AS a CROSS JOIN aclexplode(a.attacl) AS own WHERE a.attrelid = s.oid) AS g
    WHERE g.grantee <> s.relowner
    UNION ALL SELECT format('SEQUENCE %I.%I', n.nspname, c.relname), '', g.grantee, g.privilege_type, '{SELECT,USAGE}'
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace CROSS JOIN aclexplode(c.relacl) AS g
    WHERE n.nspname = 'tenantry_shared' AND c.relkind = 'S' AND g.grantee <> c.relowner
    UNION ALL SELECT format('SCHEMA %I', n.nspname), '', g.grantee, g.privilege_type, '{USAGE}'
    FROM pg_namespace AS n CROSS JOIN aclexplode(n.nspacl) AS g
    WHERE n.nspname = 'tenantry_shared' AND g.grantee <> n.nspowner
    -- What a table will get that is made from now on.
    UNION ALL SELECT 'TABLES', format('ALTER DEFAULT PRIVILEGES FOR ROLE %I%s ', pg_get_userbyid(d.defaclrole),
        (SELECT format(' IN SCHEMA %I', nspname) FROM pg_namespace WHERE oid = d.defaclnamespace)),
        g.grantee, g.privilege_type, '{SELECT,INSERT,UPDATE,DELETE}'
    FROM pg_default_acl AS d CROSS JOIN aclexplode(d.defaclacl) AS g
    WHERE d.defaclobjtype = 'r' AND pg_get_userbyid(d.defaclrole) = $2::name AND g.grantee <> d.defaclrole
        AND d.defaclnamespace IN (0, (SELECT oid FROM pg_namespace WHERE nspname = 'tenantry_shared'))
), found (fault, object, remedy) AS (
    SELECT 'unsecured', name, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name)
    FROM tables WHERE NOT relrowsecurity
    UNION ALL SELECT 'unforced', name, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name)
    FROM tables WHERE NOT relforcerowsecurity
    UNION ALL SELECT 'fails_open', format('%I on %s', polname, name), format('DROP POLICY %I ON %s', polname, name)
    FROM policies WHERE coalesce(shows <> $3::text, false) OR coalesce(takes <> $3::text, false)
    UNION ALL SELECT 'no_policy', name,
        format('DROP POLICY IF EXISTS tenant ON %1$s; CREATE POLICY tenant ON %1$s USING %2$s WITH CHECK %2$s', name, $3::text)
    FROM tables AS t WHERE NOT EXISTS (SELECT 1 FROM policies AS p WHERE p.oid = t.oid AND p.polcmd = '*'
        AND p.polroles = '{0}' AND p.shows = $3::text AND coalesce(p.takes, $3::text) = $3::text)
    UNION ALL SELECT 'no_tenant', name, format('ALTER TABLE %s SET SCHEMA public', name)
    FROM shared WHERE relname NOT IN ('tenantry_migration', 'tenantry_tenant')
        AND (relkind = 'f' OR (relkind IN ('r', 'p') AND tenant IS NULL))
    UNION ALL SELECT 'unique_across', format('%I on %s', i.relname, t.name), CASE
        WHEN k.conname IS NULL THEN format('DROP INDEX %s.%I', 'tenantry_shared', i.relname)
        ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, k.conname) END
    FROM tables AS t JOIN pg_index AS x ON x.indrelid = t.oid JOIN pg_class AS i ON i.oid = x.indexrelid
        LEFT JOIN pg_constraint AS k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
    WHERE (x.indisunique OR x.indisexclusion) AND x.indkey[0] <> t.tenant
    UNION ALL SELECT 'refers_across', format('%I on %s', k.conname, t.name),
        format('ALTER TABLE %s DROP CONSTRAINT %I', t.name, k.conname)
    FROM tables AS t JOIN pg_constraint AS k ON k.conrelid = t.oid AND k.contype = 'f'
    WHERE NOT EXISTS (SELECT 1 FROM unnest(k.conkey, k.confkey) AS pair (own, their)
        JOIN tables AS target ON target.oid = k.confrelid
        WHERE pair.own = t.tenant AND pair.their = target.tenant)
    UNION ALL SELECT CASE v.relkind WHEN 'm' THEN 'materialized' ELSE 'view_of_owner' END,
        format('%I.%I', n.nspname, v.relname), CASE v.relkind
        WHEN 'm' THEN format('DROP MATERIALIZED VIEW %I.%I', n.nspname, v.relname)
        ELSE format('ALTER VIEW %I.%I SET (security_invoker = true)', n.nspname, v.relname) END
    FROM pg_class AS v JOIN pg_namespace AS n ON n.oid = v.relnamespace
    WHERE v.relkind IN ('v', 'm') AND (n.nspname = 'tenantry_shared' OR EXISTS (
        SELECT 1 FROM pg_rewrite AS r JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        WHERE r.ev_class = v.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid IN (SELECT oid FROM tables)))
        AND NOT EXISTS (SELECT 1 FROM pg_options_to_table(v.reloptions) WHERE option_name = 'security_invoker'
            AND option_value::boolean)
    UNION ALL SELECT 'definer', format('%I(%s)', f.proname, pg_get_function_identity_arguments(f.oid)),
        format('ALTER ROUTINE %I.%I(%s) SECURITY INVOKER', n.nspname, f.proname,
            pg_get_function_identity_arguments(f.oid))
    FROM pg_proc AS f JOIN pg_namespace AS n ON n.oid = f.pronamespace
    WHERE n.nspname = 'tenantry_shared' AND f.prosecdef
    UNION SELECT 'granted', format('%s on %s', privilege, thing), format('%sREVOKE %s ON %s FROM %s', before, privilege,
        thing, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM granted WHERE privilege <> ALL (allowed) AND (grantee = 0 OR pg_has_role($1::name, grantee, 'MEMBER'))
    -- With the table, what the role was granted on it goes to the new owner.
    UNION ALL SELECT 'owned', name, CASE pg_get_userbyid(relowner) WHEN $1::name
        THEN format('ALTER TABLE %s OWNER TO %I', name, $2::text) || CASE relname WHEN 'tenantry_tenant' THEN ''
            WHEN 'tenantry_migration' THEN format('; GRANT SELECT ON %s TO %I', name, $1::name)
            ELSE format('; GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %I', name, $1::name) END
        ELSE format('REVOKE %I FROM %I', pg_get_userbyid(relowner), $1::name) END
    FROM shared WHERE pg_has_role($1::name, relowner, 'MEMBER')
)
SELECT fault, object, remedy FROM found ORDER BY fault, object
