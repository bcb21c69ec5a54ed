admin-nav-audit = Protokoll
admin-audit-lead = Jede Änderung, und wer sie gemacht hat, die neueste zuerst.
admin-audit-events-lead = Anmeldungen, Ablehnungen und andere Ereignisse, das neueste zuerst.
admin-audit-changes = Änderungen
admin-audit-events = Ereignisse
admin-audit-who = Wer
admin-audit-what = Was
admin-audit-about = Worüber
admin-audit-kind = Ereignis
admin-audit-entry = Eintrag
admin-audit-entry-title = Eintrag { $name }
admin-audit-event-title = Ereignis { $name }
admin-audit-event = Ereignis
admin-audit-mark = Marke
admin-audit-nobody = Niemand, der bekannt ist
admin-audit-more = { $count ->
    [one] und eine weitere Änderung
   *[other] und { $count } weitere Änderungen
}
admin-audit-unfinished = Ältere Einträge sind noch nicht durchsucht. Gehen Sie zur nächsten Seite, oder geben Sie eine Zeit an.
admin-audit-nothing-found = Nichts passt. Suchen Sie nach weniger, oder zeigen Sie alle.
admin-audit-empty = Es ist noch nichts geschehen.
admin-audit-export = Diese Einträge als JSON herunterladen (je 10.000)
admin-from-utc = Ab (UTC)
admin-audit-verify = Protokoll prüfen
admin-verify-lead = Prüft, dass kein Eintrag geändert oder entfernt wurde, und dass niemand Zugriff hat, den kein Eintrag erklärt. Bei einem langen Protokoll dauert das.
admin-verify-mark = Marke, die Sie aufgehoben haben
admin-verify-mark-hint = Ein Eintrag muss sie haben. Lassen Sie es leer, wenn Sie keine haben.
admin-no-mark = Eine Marke hat 64 Hexadezimalziffern, mit oder ohne eine Revision und einen Doppelpunkt davor.
admin-verify-keep = Heben Sie diese Marke auf, wo niemand schreiben kann, der in die Datenbank schreiben kann. Sie beweist später, dass bis hierher nichts geändert wurde.
admin-verify-bad = Finden Sie heraus, wer in die Datenbank schreiben kann. Eine Sicherung zeigt, was vorher war.
admin-verify-more = { $count ->
    [one] und ein weiterer Unterschied
   *[other] und { $count } weitere Unterschiede
}
admin-verdict-good = Unversehrt
admin-verdict-bad = Verändert
admin-verdict-intact = { $count ->
    [one] Das Protokoll hat einen Eintrag, und nichts fehlt.
   *[other] Das Protokoll hat { $count } Einträge, und nichts fehlt.
}
admin-verdict-altered = Eintrag { $revision } wurde geändert, oder Einträge davor fehlen.
admin-verdict-truncated = Das Protokoll endet mit Eintrag { $revision }, aber die neueste Änderung ist { $count }.
admin-verdict-unsealed = Eintrag { $revision } ist nicht der neueste, der geschrieben wurde.
admin-verdict-tampered = Einträge vor { $revision } waren schon entfernt, als er geschrieben wurde.
admin-verdict-unknown-mark = Kein Eintrag hat diese Marke: die Einträge bis zu ihr sind nicht mehr dieselben.
admin-verdict-unexplained = Die Datenbank enthält Zugriff, den kein Eintrag erklärt.
admin-nav-keys = Signaturschlüssel
admin-keys-lead = Schlüssel, die Tokens signieren. Der nächste ist bekannt, bevor er signiert, und ein alter prüft, bis sein letztes Token abgelaufen ist.
admin-keys-configured = Der Schlüssel ist ein gemeinsames Geheimnis der Konfiguration. Ändern Sie es dort:
admin-keys-early = Manche Dienste haben den nächsten Schlüssel noch nicht. Alle haben ihn ab dieser Zeit:
admin-key = Schlüssel
admin-key-from = Signiert ab
admin-key-until = Seine Tokens gelten bis
admin-key-open = Steht noch nicht fest
admin-key-next = Nächster
admin-key-active = Signiert
admin-key-retiring = Prüft nur noch
admin-key-retired = Stillgelegt
admin-key-access = Zugriffstokens
admin-key-id-token = ID-Tokens
admin-retire = Stilllegen
admin-rotate-keys = Schlüssel wechseln
admin-rotate-early = Sofort wechseln
admin-retire-key = Den Schlüssel { $name } stilllegen
admin-effect-key-signs = Der Schlüssel { $name } signiert ab jetzt neue Tokens.
admin-effect-key-verifies = Tokens des Schlüssels { $name } gelten, bis sie ablaufen.
admin-effect-key-published = Ein weiterer Schlüssel wird bekannt gemacht und signiert nach dem nächsten Wechsel.
admin-effect-key-early = Dienste, die den Schlüssel noch nicht geladen haben, lehnen neue Tokens bis dahin ab, manche 15 Minuten und länger.
admin-effect-key-unused = Der Schlüssel { $name } signiert nie etwas. Ein anderer wird an seiner Stelle bekannt gemacht.
admin-effect-key-refused = Jedes Token, das der Schlüssel { $name } signiert hat, wird sofort abgelehnt, und die Betroffenen melden sich neu an.
admin-done-key-rotated = Die Schlüssel sind gewechselt. Tokens des alten gelten, bis sie ablaufen.
admin-done-key-early = Erledigt. Dienste, die den Schlüssel noch nicht geladen haben, lehnen neue Tokens bis dahin ab: starten Sie neu, was nicht warten darf.
admin-done-key-retired = Der Schlüssel ist stillgelegt. Seine Tokens werden ab jetzt abgelehnt.
admin-nav-mail = Mail
admin-mail-lead = Mails, die dieser Server sendet: Einladungen, Links zu einem neuen Passwort, Codes und Mitteilungen.
admin-mail-not-set = Es werden keine Mails gesendet. Setzen Sie diese beiden Einstellungen:
admin-mail-test = Ausprobieren
admin-mail-send = Testnachricht senden
admin-mail-taken = Angenommen
admin-mail-refused = Nicht angenommen
admin-mail-look = Sehen Sie nach, ob sie bei { $name } ankommt, und ob sie als Spam gilt: das DNS von { $domain } muss diesen Server erlauben (SPF, DKIM, DMARC).
admin-mail-answer = Das ist geschehen:
admin-mail-check-connection = Prüfen Sie Host und Port in der Einstellung mail.url, und ob diese Maschine sich dorthin verbinden darf.
admin-mail-check-protocol = Prüfen Sie Host und Port in der Einstellung mail.url: Was dort antwortet, spricht kein SMTP, oder zu wenig davon.
admin-mail-check-tls = Prüfen Sie, ob das Zertifikat des Servers den Host aus der Einstellung mail.url nennt und ob diese Maschine ihm vertraut, und die Art der Verschlüsselung: smtps:// verschlüsselt vom ersten Byte an (meist Port 465), smtp:// mit STARTTLS (meist Port 587).
admin-mail-check-login = Prüfen Sie den Benutzer in der Einstellung mail.url, und das Passwort dort oder in mail.password.
admin-mail-check-mailbox = Prüfen Sie die Adresse, an die die Mail geht, und ob der Server Mails von der Adresse in der Einstellung mail.from sendet.
admin-mail-check-later = Versuchen Sie es später noch einmal. Wenn es so bleibt, fragen Sie die Betreiber des Mailservers.
admin-mail-check-answer = Fragen Sie die Betreiber des Mailservers, was seine Antwort bedeutet.
admin-outbox = Postausgang
admin-mail-counts = Wartend: { $waiting }. Aufgegeben: { $given_up }.
admin-mail-all = Alle
admin-mail-failed = Fehlgeschlagen
admin-mail-to = An
admin-mail-kind = Art
admin-mail-waits = Wartet
admin-mail-given-up = Aufgegeben
admin-mail-tries = { $count ->
    [one] ein Versuch
   *[other] { $count } Versuche
}
admin-mail-again = nächster Versuch
admin-mail-ended = am
admin-mail-empty = Es wartet keine Mail. Gesendete werden nicht aufgehoben.
admin-mail-none-failed = In der letzten Woche ist keine Mail fehlgeschlagen.
admin-nav-settings = Einstellungen
admin-settings-lead = Alle Einstellungen, und woher jede kommt. Ändern Sie sie dort, und starten Sie den Server neu.
admin-settings-embedded = Dieser Server ist Teil einer Anwendung, die alles in ihrem Code einstellt.
admin-settings-general = Allgemein
admin-setting = Einstellung
admin-value = Wert
admin-origin = Kommt aus
admin-is-set = Gesetzt
admin-is-not-set = Nicht gesetzt
admin-origin-default = Vorgabe
admin-origin-file = Datei
admin-origin-environment = Variable
admin-origin-flag = Befehlszeile
admin-origin-secret-file = Datei mit Geheimnis
admin-problems = Probleme dieses Servers
admin-problem-fault = Fehler
admin-problem-warning = Warnung
admin-problems-more = Mehr prüft
admin-doctor-insecure-http = `insecure_http` ist an: Passwörter und Tokens können unverschlüsselt durch das Netz gehen. Verwenden Sie einen Proxy, der TLS beendet, und entfernen Sie die Einstellung.
admin-doctor-no-proxy = `proxy.trusted` ist leer: Hinter einem Proxy haben alle Clients seine Adresse und eine gemeinsame Grenze für Anfragen. Tragen Sie die Adresse des Proxys ein.
admin-doctor-database-tls = `database.url`: Die Verbindung zu PostgreSQL ist nicht verschlüsselt oder nicht überprüft, sodass andere im Netz sie lesen und ändern können. Ergänzen Sie `?sslmode=verify-full` (und `sslrootcert=` für eine eigene Zertifizierungsstelle).
admin-doctor-password-length = `passwords.min_length` ist { $detail }: NIST SP 800-63B-4 verlangt { $name } für Passwörter ohne zweiten Faktor.
admin-doctor-registration = Alle, die sich registrieren, bekommen die Rolle `{ $name }`: Entfernen Sie sie aus `registration.roles`.
admin-doctor-stale = `guard.on_stale` ist "accept": Solange die Datenbank nicht erreichbar ist, kann entzogener Zugriff weiter möglich sein.
admin-doctor-symmetric = `tokens.algorithm` ist HS256: Alle, die Tokens prüfen können, können auch welche ausstellen. Verwenden Sie ES256, wenn die Clients es zulassen.
admin-doctor-old-tokens-ended = `tokens.legacy.until` war { $name }: Entfernen Sie den Abschnitt, und vernichten Sie das Geheimnis.
admin-doctor-old-tokens-guessed = `tokens.legacy.secret` hat nur { $detail } Bytes: Wer ein Token hat, kann es erraten und sich für alle importierten Konten ausgeben. Wählen Sie ein frühes `until`.
admin-doctor-old-tokens-long = `tokens.legacy.until` ist { $name }, in mehr als 30 Tagen: Das letzte alte Token läuft `max_age` nach dem Ende der alten Anwendung ab. Wählen Sie diesen Zeitpunkt.
admin-doctor-old-tokens-both = `tokens.legacy.secret` hat nur { $detail } Bytes, sodass jeder mit einem Token es erraten und sich für alle importierten Konten ausgeben kann, und `tokens.legacy.until` ist { $name }, in mehr als 30 Tagen. Wählen Sie einen frühen Zeitpunkt: `max_age` nach dem Ende der alten Anwendung.
admin-doctor-metrics = `metrics.listen` ist { $name }: Metriken verlangen keine Anmeldung. Wählen Sie deshalb eine private Adresse.
admin-doctor-origins = `cors.allowed_origins` enthält `{ $name }`: Dessen Seiten können unterwegs verändert werden. Verwenden Sie https.
admin-doctor-idle = `login.idle` ist länger als `login.max`, das eine Anmeldung vorher beendet. Verkürzen Sie es, oder verlängern Sie `login.max`.
admin-doctor-stay = `login.stay` ist kürzer als `login.max`: Wer „angemeldet bleiben“ ankreuzt, wird früher abgemeldet. Verlängern Sie es, oder setzen Sie es auf `off`.
admin-doctor-outgoing = `outgoing.allow` nennt alle Adressen, auch die dieses Rechners und seines Netzes: Wer einen Client registrieren darf, kann den Server dazu bringen, sie aufzurufen. Nennen Sie die Ihrer Anwendungen.
admin-doctor-breached = Es ist keine Liste gesetzt, sodass nur die häufigsten Passwörter abgelehnt werden. Erstellen Sie eine mit `rolecall passwords build`, und setzen Sie `passwords.breached`.
admin-doctor-mail-tls = `mail.insecure_smtp` ist an: Mails, die Links darin und das Passwort gehen unverschlüsselt durch das Netz. Verwenden Sie `smtps://` oder einen Server, der STARTTLS anbietet.
admin-doctor-mail-roots = Es wird keine Mail verschickt, weil keine Wurzelzertifikate gefunden wurden. Installieren Sie das Paket `ca-certificates`, oder setzen Sie `SSL_CERT_FILE`.
admin-doctor-mail-address = `mail.from`: `{ $name }` ist eine IP-Adresse, und Mailserver anderer nehmen Mails von dort nicht an. Verwenden Sie eine Adresse Ihrer Domain, deren Einträge für SPF, DKIM und DMARC `{ $detail }` erlauben müssen.
admin-doctor-mail-domain = `mail.from`: `{ $name }` ist ein Name, der nur in diesem Netz bekannt ist, und Mailserver anderer nehmen Mails von dort nicht an. Verwenden Sie eine Adresse Ihrer Domain, deren Einträge für SPF, DKIM und DMARC `{ $detail }` erlauben müssen.
admin-doctor-log-out-roots = Es wurden keine Wurzelzertifikate gefunden, sodass der Client `{ $name }` und andere nichts von Abmeldungen erfahren können. Installieren Sie das Paket `ca-certificates`, oder setzen Sie `SSL_CERT_FILE`.
admin-doctor-log-out-refused = Logout-Tokens, die der Client `{ $name }` nicht angenommen hat ({ $detail }): { $count }. Sie werden noch einmal geschickt: Prüfen Sie seine `backchannel_logout_uri`, und dass dieser Server sie erreicht.
admin-doctor-log-out-untried = Logout-Tokens für den Client `{ $name }`, die seit zehn Minuten nicht versucht wurden: { $count }. Sehen Sie nach, ob ein Server läuft, ob er den Rechner der `backchannel_logout_uri` findet, und ob andere Tokens für ihn ihn aufhalten.
admin-doctor-passkeys = Passkeys, die für einen anderen Rechnernamen gemacht wurden und unter `public_url` nicht funktionieren: { $count }. Setzen Sie die Adresse zurück, oder lassen Sie die Inhaber sich mit einem Wiederherstellungscode oder einer Authenticator-App anmelden und neue hinzufügen.
admin-doctor-assurance-roles = `login.mfa` ist aus: Wer keinen zweiten Faktor hat, kann keinen hinzufügen und hat nie die Rollen, die `aal2` oder `phr` verlangen ({ $name }). Setzen Sie `login.mfa = "optional"`, oder senken Sie das `acr` dieser Rollen.
admin-doctor-assurance-clients = `login.mfa` ist aus: Wer keinen zweiten Faktor hat, kann keinen hinzufügen und sich nie bei den Clients anmelden, die `aal2` verlangen ({ $detail }). Setzen Sie `login.mfa = "optional"`, oder senken Sie das `acr` dieser Clients.
admin-doctor-assurance-both = `login.mfa` ist aus: Wer keinen zweiten Faktor hat, kann keinen hinzufügen, hat nie die Rollen, die `aal2` oder `phr` verlangen ({ $name }), und kann sich nie bei den Clients anmelden, die `aal2` verlangen ({ $detail }). Setzen Sie `login.mfa = "optional"`, oder senken Sie das `acr` von ihnen.
admin-doctor-look = `pages.clients` hat ein Aussehen für `{ $name }`, und diesen Client gibt es nicht: `rolecall client list` zeigt die Kennungen.
admin-doctor-clock-jumped = Die Uhr der Datenbank ist um { $count } s gesprungen, bemerkt um { $name }: Auf ihr Wort wird nichts gelöscht. Stellen Sie sie richtig, oder lassen Sie einen Server laufen, bis er der Zeit traut.
admin-doctor-clock-differs = Diese Uhr weicht um { $name } s von der Uhr der Datenbank ab: Gleichen Sie beide ab.
admin-doctor-clock-behind = Die neueste Änderung hat das Datum { $name }, in der Zukunft: Diese Uhr oder die eines anderen Knotens geht falsch.
admin-doctor-unreadable = Die Datenbank konnte nicht gelesen werden: { $detail }
