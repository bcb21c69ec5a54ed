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
