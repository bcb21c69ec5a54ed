admin-nobody = Nichts zu verwalten
admin-nobody-text = Dieses Konto hat keine Rolle für diese Seiten. Bitten Sie die Verwaltung darum, oder melden Sie sich mit einem anderen Konto an.
admin-skip = Zum Inhalt springen
admin-navigation = Verwaltung
admin-pages = Seiten der Liste
admin-first-page = Erste Seite
admin-next-page = Nächste Seite
admin-in-tenant = Mandant { $tenant }
admin-in-no-tenant = Alle Mandanten
admin-tenant = Mandant
admin-tenant-title = Wo Sie handeln
admin-tenant-lead = In einem Mandanten zählen auch Ihre Rollen dort, und was Sie tun, gilt für diesen Mandanten.
admin-act-there = Dort handeln
admin-faults = Das geht noch nicht:
admin-exceeds = Sie können nur geben, ändern oder nehmen, was Sie selbst haben. Ihnen fehlt: { $name }
admin-too-many = Zu viele Versuche. Versuchen Sie es in { $name } Sekunden wieder.
admin-unknown = Nicht gefunden
admin-unknown-text = Es gibt das nicht, oder nicht mehr.
admin-forbidden = Nicht erlaubt
admin-forbidden-text = Ihre Rollen erlauben das nicht.
admin-refused = Das geht nicht
admin-refused-text = Es wurde nichts geändert.
admin-lacking = Es fehlt:
admin-receipt = Geben Sie diesen Beleg jemandem aus der Verwaltung; damit lässt sich sehen, was fehlt:
admin-to-start = Zurück zum Anfang
admin-done-saved = Gespeichert.
admin-done-tenant = Sie handeln ab jetzt dort.
admin-done-user-disabled = Das Konto ist gesperrt. Alle Sitzungen sind beendet.
admin-done-user-enabled = Das Konto kann sich wieder anmelden.
admin-done-user-deleted = Das Konto ist gelöscht.
admin-done-assigned = Die Rolle ist zugewiesen. Sie wirkt mit dem nächsten Token.
admin-done-requested = Eine zweite Person muss die Rolle bestätigen.
admin-done-unassigned = Die Rolle ist entzogen. Tokens damit werden ab jetzt abgelehnt.
admin-done-ended = Beendet. Tokens davon werden ab jetzt abgelehnt.
admin-done-mailed = Ein Link ging an die bestätigte Adresse des Kontos.
admin-done-bulk = Für alle in der Auswahl erledigt.
admin-done-role-created = Die Rolle ist angelegt.
admin-done-role-deleted = Die Rolle ist gelöscht.
admin-nav-start = Start
admin-nav-users = Konten
admin-start-lead = Was zu tun ist, und was geschah.
admin-todo = Zu tun
admin-todo-nothing = Es ist nichts zu tun.
admin-todo-requests = { $count ->
    [one] Eine Rolle wartet auf eine zweite Person
   *[other] { $count } Rollen warten auf eine zweite Person
}{ $name }
admin-todo-expiring = { $count ->
    [one] Eine Rollenzuweisung endet in einer Woche
   *[other] { $count } Rollenzuweisungen enden in einer Woche
}{ $name }
admin-todo-mails = { $count ->
    [one] Eine Mail konnte nicht gesendet werden
   *[other] { $count } Mails konnten nicht gesendet werden
}: { $name }
admin-todo-one-administrator = Nur ein Konto verwaltet alles. Geben Sie einer zweiten Person die Rolle { $name }, damit niemand ausgesperrt wird.
admin-day = Die letzten 24 Stunden
admin-day-counts = Anmeldungen: { $signed_in }. Ablehnungen: { $refused }.
admin-day-plot = Balken je Stunde: { $signed_in } Anmeldungen und { $refused } Ablehnungen in den letzten 24 Stunden
admin-signed-in = Anmeldungen
admin-refusals = Ablehnungen
admin-keys-age = Signaturschlüssel in Gebrauch
admin-key-days = { $days ->
    [0] seit heute
    [one] seit einem Tag
   *[other] seit { $days } Tagen
}
admin-changes = Letzte Änderungen
