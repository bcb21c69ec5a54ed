admin-in-use = { $kind ->
    [role] Die Rolle `{ $name }` wird noch gebraucht: { $by }
    [permission] Das Recht `{ $name }` wird noch gebraucht: { $by }
    [resource] Die Ressource `{ $name }` wird noch gebraucht: { $by }
    [user] Das Konto `{ $name }` wird noch gebraucht: { $by }
   *[other] `{ $name }` wird noch gebraucht: { $by }
}
admin-separation-would = Die Rollentrennung `{ $constraint }` erlaubt höchstens { $most } ihrer Rollen zusammen. Zusammen hätte { $names }: { $roles }
admin-separation-has = Die Rollentrennung `{ $constraint }` erlaubt höchstens { $most } ihrer Rollen zusammen. Zusammen benutzt { $names }: { $roles }
admin-separation-in-tenant = `{ $name }` (im Mandanten `{ $tenant }`)
admin-separation-somebody = jemand
admin-separation-others = { $names } und andere
admin-rule-role-fixed = Die Rolle `{ $role }` gehört zu rolecall und kann nicht geändert werden.
admin-rule-role-stays = Die Rolle `{ $role }` gehört zu rolecall und bleibt.
admin-rule-permission-stays = Das Recht `{ $permission }` gehört zu rolecall und bleibt.
admin-rule-clients-only = Die Rolle `{ $role }` ist nur für Clients.
admin-rule-last-administrator = Wer als Letztes die Rolle `{ $role }` hat, behält sie.
admin-rule-hierarchy-cycle = Rollen dürfen einander nicht erben: { $path }
admin-rule-registration-gives = Die Rolle `{ $role }` kann `{ $permission }` nicht enthalten: `registration.roles` gibt sie allen, die sich registrieren, also darf sie kein Recht von rolecall selbst haben. Verwenden Sie eine andere Rolle.
admin-rule-too-many-constraints = Es gibt schon { $most } Rollentrennungen. Löschen Sie zuerst eine.
admin-rule-constraint-too-few-roles = Die Rollentrennung `{ $constraint }` braucht mindestens zwei Rollen.
admin-rule-constraint-too-high = Die Rollentrennung `{ $constraint }` muss mindestens eine ihrer Rollen zusammen erlauben, und weniger als alle. Sie hätte { $roles } Rollen.
admin-rule-registration-separation = Die Rollentrennung `{ $constraint }` erlaubt höchstens { $most } von { $roles }, und `registration.roles` gibt sie allen neuen Benutzern.
admin-rule-active-together = Die Rollentrennung `{ $constraint }` erlaubt höchstens { $most } von { $roles } zugleich.
admin-rule-approval-bypassed = Die Rolle `{ $role }` braucht eine zweite Person: Wer die Rolle `{ $senior }` hat, hätte sie ohne eine.
admin-rule-requested-by-other = Die Rolle `{ $role }` braucht eine zweite Person: Jemand anderes hat schon um sie gebeten. Bestätigen oder beenden Sie diese Anfrage.
admin-rule-request-too-late = Die Rolle `{ $role }` braucht eine zweite Person: Die gewünschte Zeit ist vorbei. Stellen Sie eine neue Anfrage.
admin-rule-request-is-own = Die Rolle `{ $role }` braucht eine zweite Person: Jemand anderes muss bestätigen.
admin-rule-confirmed-by-client = Die Rolle `{ $role }` braucht eine zweite Person: Ein Client kann nicht bestätigen.
admin-rule-requested-by-client = Die Rolle `{ $role }` braucht eine zweite Person: Ein Client kann nicht für einen Benutzer um sie bitten. Das muss eine Person tun.
admin-rule-request-of-unknown-client = Die Rolle `{ $role }` braucht eine zweite Person: Es ist nicht bekannt, wer den Client in der Hand hat, der um sie gebeten hat. Wechseln Sie sein Geheimnis, und stellen Sie eine neue Anfrage.
admin-rule-request-of-own-client = Die Rolle `{ $role }` braucht eine zweite Person: Jemand anderes muss bestätigen, denn Sie haben den Client in der Hand, der um sie gebeten hat.
admin-rule-requester-lost = Die Rolle `{ $role }` braucht eine zweite Person: Wer um sie gebeten hat, darf sie nicht mehr zuweisen.
admin-rule-nothing-to-confirm = Kein Rücksetzcode dieses Kontos wartet auf eine Bestätigung.
admin-rule-another-reset = Dieses Konto wurde inzwischen noch einmal zurückgesetzt. Fragen Sie die Person, der es gehört, nach dem neuen Code.
admin-rule-reset-is-own = Sie haben diesen Rücksetzcode selbst gemacht: Jemand anderes muss ihn bestätigen.
admin-rule-reset-of-unknown-client = Es ist nicht bekannt, wer den Client in der Hand hat, der diesen Rücksetzcode gemacht hat. Setzen Sie das Passwort selbst noch einmal zurück.
admin-rule-reset-of-own-client = Sie haben den Client in der Hand, der diesen Rücksetzcode gemacht hat: Jemand anderes muss ihn bestätigen.
admin-rule-change-by-owner = Jemand aus der Verwaltung kennt das Passwort oder den Rücksetzcode von `{ $user }`: Die Person, der das Konto gehört, muss es zuerst ändern (`POST /password`).
admin-rule-email-used = Jemand anderes hat diese E-Mail-Adresse. Verwenden Sie eine andere.
admin-rule-email-verified = Das ist die bestätigte E-Mail-Adresse von jemand anderem. Entfernen Sie sie zuerst dort.
admin-rule-email-is-name = So heißt ein anderes Konto. Es muss zuerst umbenannt werden.
admin-rule-email-of-user = Ein Konto hat diese bestätigte E-Mail-Adresse. Weisen Sie ihm die Rollen zu.
admin-rule-public-client = Der Client `{ $client }` ist öffentlich: Er hat kein Geheimnis.
admin-rule-id-used = Die ID `{ $id }` gehört oder gehörte zu einem Benutzer oder Client. Verwenden Sie eine andere.
admin-rule-key-is-configured = Der Schlüssel ist `tokens.secret` in der Konfiguration. Ändern Sie ihn dort.
admin-rule-key-too-soon = Der nächste Schlüssel darf ab { $until } signieren, weil manche Dienste die Schlüssel nur alle 15 Minuten laden. Warten Sie so lange, oder wechseln Sie sofort; dann lehnen solche Dienste neue Tokens bis dahin ab.
admin-rule-too-many-keys = Zu viele Schlüssel sind in Gebrauch. Warten Sie, bis die Tokens alter Schlüssel abgelaufen sind, oder ziehen Sie einige Schlüssel zurück.
admin-rule-by-registration = `registration.roles` nennt sie.
admin-rule-by-constraint = Die Rollentrennung `{ $constraint }` nennt sie.
admin-rule-by-role = Die Rolle `{ $role }` enthält es.
admin-rule-by-audience = Der Client `{ $client }` kann Tokens für sie bekommen.
admin-rule-by-application = Zeilen in Tabellen der Anwendung verweisen darauf. Löschen Sie sie zuerst, oder geben Sie ihrem Fremdschlüssel ON DELETE CASCADE oder ON DELETE SET NULL.
admin-rule-too-many-roles = Das Regelwerk hätte { $wanted } Rollen; `policy.max_roles` erlaubt { $limit }.
admin-rule-too-many-permissions = Das Regelwerk hätte { $wanted } Rechte; `policy.max_permissions` erlaubt { $limit }.
admin-rule-too-many-grants = Die Rollen des Regelwerks enthielten zusammen { $wanted } Rechte und Platzhalter; `policy.max_grants` erlaubt { $limit }.
admin-rule-too-many-edges = Die Rollen des Regelwerks würden { $wanted } Rollen erben; `policy.max_edges` erlaubt { $limit }.
admin-rule-too-many-effects = Das Regelwerk hätte { $wanted } Rechte und geerbte Rollen, gezählt für jede Rolle, die sie gibt; `policy.max_effects` erlaubt { $limit }.
