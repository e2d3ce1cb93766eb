<?php
// To whom the old loop would send now: the same lines as `pushfleet shadow`, or with --device-tokens as
// `pushfleet shadow --device-tokens`. It reads, and changes nothing.
//
//   php old-loop-audience.php 'mysql:host=127.0.0.1;dbname=app' user password [--device-tokens]
//
// The part between the two lines can stand in the loop itself, before it sends, to log what it does.
date_default_timezone_set(getenv('PUSHFLEET_TIMEZONE') ?: 'UTC');
$db = new PDO($argv[1], $argv[2], $argv[3] ?? '', [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
$due = $db->prepare('SELECT id FROM notification WHERE sent = 0 AND notificationdate BETWEEN ? AND ? ORDER BY notificationdate, id');
$due->execute([date('Y-m-d 00:00:00'), date('Y-m-d H:i:s')]);
$audience = $db->prepare('SELECT t.token FROM notification_token nt JOIN token t ON t.id = nt.token_id WHERE nt.notification_id = ? AND t.active = 1
  UNION ALL SELECT t.token FROM notification_token_group ng JOIN token_group_token gt ON gt.token_group_id = ng.token_group_id
    JOIN token t ON t.id = gt.token_id WHERE ng.notification_id = ? AND t.active = 1');
foreach ($due->fetchAll(PDO::FETCH_COLUMN) as $id) {
    $audience->execute([$id, $id]);
    // ---------------------------------------------------------------------------------------------------
    $tokens = array_map(fn ($token) => strtolower(preg_replace('/[\s<>]/', '', $token)), $audience->fetchAll(PDO::FETCH_COLUMN));
    $tokens = array_filter(array_unique($tokens), fn ($token) => preg_match('/^([0-9a-f]{2}){32,200}$/D', $token) === 1);
    $digest = str_repeat("\0", 32);
    foreach ($tokens as $token) {
        $digest ^= hash('sha256', $token, true);
    }
    $line = sprintf("notification %s: %s device token%s, digest %s\n", $id, number_format(count($tokens)), count($tokens) === 1 ? '' : 's', bin2hex($digest));
    // ---------------------------------------------------------------------------------------------------
    echo in_array('--device-tokens', $argv, true) ? implode('', array_map(fn ($token) => "$id $token\n", $tokens)) : $line;
}
