ALTER TABLE `one_time_tokens` ADD `created_by` text;--> statement-breakpoint
ALTER TABLE `users` ADD `is_email_vouched` integer DEFAULT false NOT NULL;--> statement-breakpoint
UPDATE `users` SET `is_email_vouched` = 1 WHERE EXISTS (SELECT 1 FROM `identities` WHERE `identities`.`user_id` = `users`.`id` AND `identities`.`email` = `users`.`email`);