CREATE TABLE IF NOT EXISTS watchlist (
    user_id    TEXT        NOT NULL,
    symbol     VARCHAR(16) NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, symbol)
);

CREATE TABLE IF NOT EXISTS sentiment (
    symbol     VARCHAR(16) PRIMARY KEY,
    score      NUMERIC(5, 4) NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
