//! The bus port over MQTT 5, and the broker that a small site embeds.
