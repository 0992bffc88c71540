ALTER TABLE `calls` ADD `cost_micro_usd` integer;--> statement-breakpoint
ALTER TABLE `calls` ADD `price_version` text;