curl https://api.cryptomus.com/v1/payout \
-X POST \
-H 'merchant: 8b03432e-385b-4670-8d06-064591096795' \
-H 'sign: fe99035f86fa436181717b302b95bacff1' \
-H 'Content-Type: application/json' \
-d '{ 
    "amount": "5",
    "currency": "USDT", 
    "network": "TRON", 
    "order_id": "1",
    "address": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm", 
    "url_callback": "https://your.site/callback", 
    "is_subtract": "1",
}'
