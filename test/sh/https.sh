# SPDX-License-Identifier: Apache-2.0
# An HTTPS server of OTP's inets and ssl, by TLS 1.2 and 1.3, as curl and openssl see it.
erlc -W0 "$(dirname "$0")/../erl/net/https_server.erl" || exit
mkfifo life
erl -noshell -s https_server main -s init stop <life >server.out 2>server.err & vm=$!
exec 3>life
for i in $(seq 3000); do grep -q ready server.out && break; sleep 0.1; done
head -c 300000 /dev/zero | tr '\0' 'x' >body
connect() { openssl s_client -connect "127.0.0.1:$port" -CAfile root.pem "$@" 2>&1; }
for version in 1.2 1.3; do
    port=$(cat tlsv$version.port)
    echo "== $version"
    curl -sSk --max-time 30 -D - "https://127.0.0.1:$port/" | grep -av -e '^Date' -e '^Last-M' -e '^Etag'
    curl -sSk --max-time 30 -o big -o small -w '%{http_code} %{size_download} %{num_connects}\n' "https://127.0.0.1:$port/big.bin" "https://127.0.0.1:$port/"
    cmp big www/big.bin
    curl -sSk --max-time 30 -d @body "https://127.0.0.1:$port/echo"
    curl -sSk --max-time 30 -I "https://127.0.0.1:$port/big.bin" | grep -i length
    curl -sSk --max-time 30 -w '%{http_code}\n' -o missing "https://127.0.0.1:$port/none"
    for i in 1 2 3 4 5 6 7 8; do curl -sSk --max-time 30 -o "out$i" "https://127.0.0.1:$port/big.bin?$i" & all="$all $!"; done
    wait $all; all=
    cat out? | cksum
    for other in tls1_1 tls1_2 tls1_3; do
        echo | connect -$other -cipher ALL:@SECLEVEL=0 >seen; echo "$other: $?"
        grep -a -e '^New' -e 'Verification' -e alert seen | sed 's/^[^:]*:error:/error:/'
    done
    for cipher in ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-CCM; do
        echo | connect -tls1_2 -cipher $cipher | grep -a '^New'
    done
    for cipher in TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_CCM_SHA256; do
        echo | connect -tls1_3 -ciphersuites $cipher | grep -a '^New'
    done
    for group in X25519 P-256 P-384; do
        echo | connect -curves $group | grep -a -e '^Server Temp' -e '^New'
    done
    printf 'GET / HTTP/1.0\r\n\r\n' | connect -quiet -ign_eof -verify_return_error 2>/dev/null | grep -a hello
    connect -tls1_2 -reconnect </dev/null | grep -a -c -e '^New' -e '^Reused'
    printf 'no handshake at all\r\n\r\n' | timeout 10 bash -c 'exec 3<>/dev/tcp/127.0.0.1/$0; cat >&3; cat <&3' "$port" | od -An -tx1
done
exec 3>&-
wait $vm; echo "status $?"
head -n 1 server.out
cat server.err
